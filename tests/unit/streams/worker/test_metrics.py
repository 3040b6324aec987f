"""Metrics: one table, and every attribute that the code uses stands in it."""

from typing import get_type_hints

import pytest
from prometheus_client import Histogram

from streams.worker.metrics import METRICS, Metric, Metrics

every_metric = pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)


def test_each_attribute_is_of_the_kind_that_the_table_says() -> None:
    assert {name: metric.kind for name, metric in METRICS.items()} == get_type_hints(Metrics)


@every_metric
def test_a_metric_shows_the_text_and_takes_the_labels_of_the_table(metric: Metric) -> None:
    metrics = Metrics()
    shown = {
        f"{each.name}_total" if each.type == "counter" else each.name: each
        for each in metrics.registry.collect()
    }
    assert shown[metric.name].documentation == metric.text
    made = next(getattr(metrics, name) for name, each in METRICS.items() if each is metric)
    assert made._labelnames == metric.labels


@every_metric
def test_a_name_says_the_unit_and_a_text_is_a_sentence(metric: Metric) -> None:
    assert metric.name.startswith("callbox_")
    assert metric.text.endswith(".")
    assert (metric.kind is Histogram) == bool(metric.buckets)


def test_two_workers_share_no_metric() -> None:
    one, other = Metrics(), Metrics()
    one.restores.inc()
    assert other.registry.get_sample_value("callbox_restores_total") == 0
