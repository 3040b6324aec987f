# ruff: noqa: RUF001 — Chinese has its own comma and full stop
"""What people read in an alert, English and Chinese: one catalogue for every hazard and reason.

The hazard gives headline and instruction, the reason says what has just happened, and replaces the instruction where
nobody needs to go. No plate and no person is ever named.
"""

from collections.abc import Mapping

import msgspec

from schemas.alerts import AlertText
from schemas.enums import Hazard, Reason


class Wording(msgspec.Struct, frozen=True):
    """The same sentence twice. `{device}`, `{zone}` and `{count}` may stand in it."""

    en: str
    zh: str


HEADLINES: Mapping[Hazard, Wording] = {
    Hazard.EMERGENCY_CALL: Wording("Emergency call in zone {zone}", "{zone} 区域紧急求助"),
    Hazard.FIRE: Wording("Possible fire in zone {zone}", "{zone} 区域疑似火情"),
    Hazard.FEED_FAULT: Wording("A feed delivers records that cannot be used", "数据源送来无法使用的记录"),
    Hazard.UNKNOWN: Wording("Incident in zone {zone}", "{zone} 区域事件"),
}

INSTRUCTIONS: Mapping[Hazard, Wording] = {
    Hazard.EMERGENCY_CALL: Wording("Answer the call and send help.", "请接听求助并派员前往。"),
    Hazard.FIRE: Wording("Look at the picture, then send somebody.", "请先查看图像，再派员核实。"),
    Hazard.FEED_FAULT: Wording(
        "Look at the dead letters of the feed: a press may be among them.",
        "请检查该数据源的死信：其中可能有求助按键。",
    ),
    Hazard.UNKNOWN: Wording("Look at the incident.", "请查看该事件。"),
}

DESCRIPTIONS: Mapping[tuple[Hazard | None, Reason], Wording] = {
    (Hazard.EMERGENCY_CALL, Reason.FIRST_FACT): Wording(
        "Help point {device} was pressed.", "求助点 {device} 被按下。"
    ),
    (Hazard.FIRE, Reason.FIRST_FACT): Wording(
        "Camera {device} may see fire. No person has confirmed it.",
        "摄像机 {device} 可能拍到火情，尚未经人员确认。",
    ),
    (None, Reason.UNREGISTERED_DEVICE): Wording(
        "A help point that no registry names was pressed. Where it stands is not known.",
        "一个未登记的求助点被按下，位置未知。",
    ),
    (None, Reason.PRESSED_AGAIN): Wording(
        "It was pressed again: {count} presses so far.", "再次被按下，至今共 {count} 次。"
    ),
    (Hazard.EMERGENCY_CALL, Reason.ANOTHER_SOURCE): Wording(
        "Help point {device} close by was pressed too: {count} presses so far.",
        "附近的求助点 {device} 也被按下，至今共 {count} 次。",
    ),
    (Hazard.FIRE, Reason.ANOTHER_SOURCE): Wording(
        "Camera {device} close by may see it too.", "附近的摄像机 {device} 也可能拍到。"
    ),
    (None, Reason.PICTURE_ADDED): Wording("A redacted picture has arrived.", "已收到经脱敏处理的图像。"),
    (None, Reason.CANCEL_REQUESTED): Wording(
        "The help point asks to cancel. The incident stays open until a person closes it.",
        "求助点请求取消。在人员关闭之前，该事件保持打开。",
    ),
    (None, Reason.CANCELLED_BY_DEVICE): Wording("The device has cancelled it.", "设备已取消。"),
    (None, Reason.DEVICE_TEST): Wording(
        "Help point {device} was tested. This is not an emergency.",
        "求助点 {device} 进行了测试，并非紧急情况。",
    ),
    (None, Reason.FEED_FAULT): Wording(
        "A record of the feed could not be used and is now a dead letter.",
        "该数据源的一条记录无法使用，已转为死信。",
    ),
    (None, Reason.EXPIRED): Wording(
        "Nobody has touched the incident for too long: it has ended by itself.",
        "该事件长时间无人处理，已自动结束。",
    ),
    (None, Reason.FOLD_ERROR): Wording(
        "A help point was pressed, and callbox failed to work out more than stands in this alert.",
        "求助点被按下，系统未能得出本警报以外的信息。",
    ),
}
"""By hazard and reason, or by the reason alone."""

NOTHING_TO_DO = Wording("Nothing needs to be done.", "无需处理。")

INSTRUCTIONS_BY_REASON: Mapping[Reason, Wording] = {
    Reason.DEVICE_TEST: NOTHING_TO_DO,
    Reason.CANCELLED_BY_DEVICE: NOTHING_TO_DO,
    Reason.EXPIRED: Wording("Find out why nobody answered.", "请查明为何无人响应。"),
    Reason.CANCEL_REQUESTED: Wording(
        "Find out whether help is still needed, then close the incident.",
        "请确认是否仍需救助，然后关闭该事件。",
    ),
}

TEST_PREFIX = Wording("TEST: ", "测试：")

_CHANGED = Wording("The incident has changed.", "该事件有变化。")


def texts_for(
    hazard: Hazard, reason: Reason, *, zone: str, device_name: str = "", count: int = 0
) -> tuple[AlertText, ...]:
    """The texts of one alert.

    Args:
        hazard: What is, or may be, wrong.
        reason: Why the alert goes out.
        zone: Where.
        device_name: Who reported it; a registered device, since a stranger's name is whatever it says.
        count: How many presses there were.

    Returns:
        English, then Chinese. A pair that the catalogue lacks gets the general wording, never an error.
    """
    headline = HEADLINES.get(hazard) or HEADLINES[Hazard.UNKNOWN]
    general = DESCRIPTIONS.get((None, reason), _CHANGED)
    description = DESCRIPTIONS.get((hazard, reason), general)
    by_hazard = INSTRUCTIONS.get(hazard) or INSTRUCTIONS[Hazard.UNKNOWN]
    instruction = INSTRUCTIONS_BY_REASON.get(reason, by_hazard)
    is_test = reason is Reason.DEVICE_TEST
    return (
        AlertText(
            lang="en",
            headline=(TEST_PREFIX.en if is_test else "") + headline.en.format(zone=zone),
            description=description.en.format(device=device_name, count=count),
            instruction=instruction.en,
        ),
        AlertText(
            lang="zh",
            headline=(TEST_PREFIX.zh if is_test else "") + headline.zh.format(zone=zone),
            description=description.zh.format(device=device_name, count=count),
            instruction=instruction.zh,
        ),
    )
