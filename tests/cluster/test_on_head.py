"""What a head node is asked: a job is handed in as soon as it can be, and no longer."""

import pytest

from cluster import on_head


class Client:
    """Refuses a few times, then takes the job."""

    def __init__(self, *refusals: str) -> None:
        self.refusals = list(refusals)
        self.taken: list[str] = []

    def submit_job(self, entrypoint: str, submission_id: str) -> None:
        if self.refusals:
            raise RuntimeError(self.refusals.pop(0))
        self.taken.append(f"{submission_id}: {entrypoint}")


GIVEN = on_head._parser().parse_args(["submit", "job-1", "--", "xenograft", "run", "a b"])
BUSY = "Request failed with status code 500: No available agent to submit job"


def test_a_head_that_has_just_started_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(on_head.time, "sleep", lambda _: None)
    client = Client(BUSY, BUSY)
    on_head.submit(client, GIVEN)
    assert client.taken == ["job-1: xenograft run 'a b'"]


@pytest.mark.parametrize(("limit_s", "refusal"), [(-1.0, BUSY), (60.0, "Job job-1 already exists")])
def test_a_refusal_that_stays_is_told(
    limit_s: float, refusal: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(on_head, "_AGENT_S", limit_s)
    client = Client(refusal)
    with pytest.raises(RuntimeError, match=refusal):
        on_head.submit(client, GIVEN)
    assert client.taken == []
