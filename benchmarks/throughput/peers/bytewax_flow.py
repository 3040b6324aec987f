"""Bytewax: its Kafka source and sink with a step between them; offsets go to its recovery store once a second.

Its sink flushes and looks at no answer (bytewax/connectors/kafka, `write_batch`, in 0.21.1): a record that the broker
refused is passed over.
"""

import sys
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any

from bytewax import operators as op  # type: ignore[import-not-found]  # in the peers' own environment
from bytewax._bytewax import cli_main, init_db_dir  # type: ignore[import-not-found]  # as above
from bytewax.connectors.kafka import (  # type: ignore[import-not-found]  # as above
    KafkaSink,
    KafkaSinkMessage,
    KafkaSource,
)
from bytewax.dataflow import Dataflow  # type: ignore[import-not-found]  # as above
from bytewax.recovery import RecoveryConfig  # type: ignore[import-not-found]  # as above

from benchmarks.throughput.peers.jobs import INPUTS, OUTPUTS, load_job


def run(bootstrap: str, feed: str, group: str) -> None:
    """Do the job until killed."""
    job = load_job(bootstrap, feed)

    def work(message: Any) -> Iterable[Any]:
        answers = job(message.value, message.timestamp[1])
        return [KafkaSinkMessage(key=answer.key, value=answer.value) for answer in answers]

    flow = Dataflow(group)
    reads = op.input("in", flow, KafkaSource([bootstrap], [INPUTS[feed]]))
    answers = op.flat_map("job", reads, work)
    op.output("out", answers, KafkaSink([bootstrap], OUTPUTS[feed], {"partitioner": "murmur2_random"}))
    store = Path(group)  # in the working folder, which the bench deletes
    store.mkdir()
    init_db_dir(store, 1)
    cli_main(flow, epoch_interval=timedelta(seconds=1), recovery_config=RecoveryConfig(store))


if __name__ == "__main__":
    run(*sys.argv[1:4])
