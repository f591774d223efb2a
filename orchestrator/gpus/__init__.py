"""How many trials share a GPU: what each needs, what there is, and who is on which."""
