"""How much memory a trial needs on a GPU, found out without one.

A trainable whose module has ``rehearse(config, context, workers)`` does there, on made-up data,
what fills its memory: its network, a few steps of its training, a validation. It is called where
tensors have no contents (``tally.py``), so that a rehearsal takes seconds and no memory.
"""
