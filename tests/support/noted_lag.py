"""In the place of a lag monitor: what a loop has noted as done."""

from streams.kafka.batch import Batch


class NotedLag:
    """What is noted as done."""

    def __init__(self) -> None:
        self.noted: list[int] = []

    def note_done(self, processed: Batch) -> None:
        self.noted.append(processed.end)
