# ruff: noqa: RUF001 — Chinese has its own comma and full stop
"""The words for records that were never read: topic, partition, how many, since when, and who has taken them.

Headline and instruction are those of the hazard, in processors/incident/texts.py.
"""

from collections.abc import Mapping

from processors.incident.wording import Wording, moment
from processors.state.record_loss import RecordLoss
from schemas.errors import Cause
from schemas.printable import as_printable

_MISSING = Wording(
    "Topic {topic}, partition {partition}: records that nobody has read: {count}, since {since}. ",
    "主题 {topic} 分区 {partition}：无人读取的记录：{count}，自 {since} 起。",
)

_WHY: Mapping[Cause, Wording] = {
    Cause.RECORDS_MISSING: Wording(
        "Retention removed them before a worker came to them.", "这些记录在处理之前已因保留期满被删除。"
    ),
    Cause.UNDECODABLE: Wording(
        "They came compressed and unpack to more than a worker takes. What follows them is read. Lock out whoever "
        "sent them.",
        "这些记录以压缩形式送达，解压后超过处理进程的上限。其后的记录会被读取。请封禁其发送者。",
    ),
    Cause.ANOTHER_LOG: Wording(
        "The topic was deleted and made anew. What it holds now is read.",
        "该主题已被删除并重新创建。现有记录会被读取。",
    ),
    Cause.LOG_TRUNCATED: Wording(
        "The topic ends before what had been read of it: the broker has lost records. What it holds now is read.",
        "该主题的末尾早于已读取的位置：消息代理丢失了记录。现有记录会被读取。",
    ),
    Cause.FOREIGN_MEMBER: Wording(
        "Another client is a member of the workers' group and takes their records: {client}. Give it a group of its "
        "own.",
        "另一客户端加入了处理进程的消费组并取走其记录：{client}。请为其使用单独的消费组。",
    ),
    Cause.UNKNOWN: Wording("Nobody knows why.", "原因未知。"),
}

_COUNT_UNKNOWN = Wording("an unknown number", "数量未知")
_AT_LEAST = Wording("at least {count}", "至少 {count} 条")
_EXACTLY = Wording("{count}", "{count} 条")
_SINCE_UNKNOWN = Wording("a time that is not known", "未知时间")
_CLIENT_UNKNOWN = Wording("a client that is not named", "未知客户端")


def describe_loss(loss: RecordLoss) -> Wording:
    """What was lost, in both languages."""
    why = _WHY.get(loss.cause, _WHY[Cause.UNKNOWN])
    return Wording(_filled(loss, _MISSING.en + why.en, "en"), _filled(loss, _MISSING.zh + why.zh, "zh"))


def _filled(loss: RecordLoss, sentence: str, lang: str) -> str:
    since = getattr(_SINCE_UNKNOWN, lang) if loss.since is None else moment(loss.since)
    clients = ", ".join(as_printable(name) for name in loss.clients)
    return sentence.format(
        topic=as_printable(loss.topic),
        partition=loss.partition,
        count=getattr(_count(loss), lang).format(count=loss.records),
        since=since,
        client=clients or getattr(_CLIENT_UNKNOWN, lang),
    )


def _count(loss: RecordLoss) -> Wording:
    if loss.is_exact:
        return _EXACTLY
    return _AT_LEAST if loss.records else _COUNT_UNKNOWN
