# ruff: noqa: RUF001 — Chinese has its own comma and full stop
"""The texts of alerts in English and Chinese: one catalogue for every hazard and reason.

The hazard determines headline and instruction. The reason says what has just happened, and replaces the instruction
where nobody needs to go. No plate and no person is ever named.
"""

from collections.abc import Mapping

from processors.incident.loss_texts import describe_loss
from processors.incident.wording import Wording, moment
from processors.state.geometry import Place
from processors.state.record_loss import RecordLoss
from schemas.alert import AlertText
from schemas.enums import AckAction, Hazard, Reason, Status
from schemas.printable import as_printable
from schemas.units import EpochMs, degrees

HEADLINES: Mapping[Hazard, Wording] = {
    Hazard.EMERGENCY_CALL: Wording("Emergency call in zone {zone}", "{zone} 区域紧急求助"),
    Hazard.FIRE: Wording("Possible fire in zone {zone}", "{zone} 区域疑似火情"),
    Hazard.FEED_FAULT: Wording("A feed delivers records that cannot be used", "数据源送来无法使用的记录"),
    Hazard.FEED_SILENT: Wording("Nobody reads a feed", "数据源无人读取"),
    Hazard.FEED_STALE: Wording("A list is too old to be used", "名单过旧，无法使用"),
    Hazard.LOG_BROKEN: Wording("The log is not what it was", "日志不完整"),
    Hazard.FEED_BROKEN: Wording("Records of a feed were not read", "数据源有记录未被读取"),
    Hazard.TAMPER: Wording("Device opened or moved in zone {zone}", "{zone} 区域设备被拆动"),
    Hazard.BATTERY: Wording("Battery fault in zone {zone}", "{zone} 区域设备电池故障"),
    Hazard.MAINS: Wording("Mains failure in zone {zone}", "{zone} 区域设备市电中断"),
    Hazard.COMMS: Wording("Communication fault in zone {zone}", "{zone} 区域设备通信故障"),
    Hazard.COMM_FAIL: Wording("Device silent in zone {zone}", "{zone} 区域设备失联"),
    Hazard.SITE_COMM_FAIL: Wording("Site silent in zone {zone}", "{zone} 区域站点失联"),
    Hazard.STUCK_BUTTON: Wording("Button stuck in zone {zone}", "{zone} 区域按钮卡住"),
    Hazard.TEST_MISSED: Wording("Scheduled test missing in zone {zone}", "{zone} 区域缺少定期测试"),
    Hazard.CLOCK_DIFFERS: Wording("The clock of a worker is wrong", "处理进程的时钟有误"),
    Hazard.EXERCISE_OVERDUE: Wording("An exercise was not ended in zone {zone}", "{zone} 区域的演习未结束"),
    Hazard.UNEXPECTED_SOURCE: Wording(
        "Events through another gateway in zone {zone}", "{zone} 区域有事件经其他网关上报"
    ),
    Hazard.UNKNOWN: Wording("Incident in zone {zone}", "{zone} 区域事件"),
}

_REPAIR = Wording("Send a technician.", "请派技术人员检修。")

INSTRUCTIONS: Mapping[Hazard, Wording] = {
    Hazard.EMERGENCY_CALL: Wording("Answer the call and send help.", "请接听求助并派员前往。"),
    Hazard.FIRE: Wording("Look at the picture, then send somebody.", "请先查看图像，再派员核实。"),
    Hazard.FEED_FAULT: Wording(
        "Look at the dead letters of the feed: a press may be among them.",
        "请检查该数据源的死信：其中可能有求助按键。",
    ),
    Hazard.FEED_SILENT: Wording(
        "Find out whether its worker runs: presses may be waiting.",
        "请查明其处理进程是否运行：可能有求助按键正在等待。",
    ),
    Hazard.FEED_STALE: Wording("Have the list delivered again.", "请重新下发名单。"),
    Hazard.LOG_BROKEN: Wording(
        "Find out what happened to the log: calls may be missing from it.",
        "请查明日志发生了什么：其中可能缺少求助记录。",
    ),
    Hazard.FEED_BROKEN: Wording(
        "Have everything since then sent again, and compare it with the sender's own journal: calls may be missing.",
        "请要求发送方重新发送此后的全部记录，并与其自身日志核对：其中可能缺少求助。",
    ),
    Hazard.TAMPER: Wording("Find out who is at the device.", "请查明设备现场情况。"),
    Hazard.BATTERY: _REPAIR,
    Hazard.MAINS: _REPAIR,
    Hazard.COMMS: _REPAIR,
    Hazard.COMM_FAIL: _REPAIR,
    Hazard.SITE_COMM_FAIL: Wording(
        "Send a technician to the gateway: nobody can call from its devices.",
        "请派技术人员检修网关：其下设备无法求助。",
    ),
    Hazard.STUCK_BUTTON: _REPAIR,
    Hazard.TEST_MISSED: Wording("Have the device tested.", "请安排测试该设备。"),
    Hazard.CLOCK_DIFFERS: Wording(
        "Set the clock of its machine right, or that of the broker.", "请校正其所在机器或消息代理的时钟。"
    ),
    Hazard.EXERCISE_OVERDUE: Wording(
        "Take the panel out of exercise mode. What it sends from now on counts as real.",
        "请退出面板的演习模式。此后的信号均视为真实。",
    ),
    Hazard.UNEXPECTED_SOURCE: Wording(
        "Find out whether the device was moved to another gateway, or who writes in its name; change the registry or "
        "the gateway's credential.",
        "请查明该设备是否改接其他网关，或何人冒用其名义，并更正登记信息或网关凭证。",
    ),
    Hazard.UNKNOWN: Wording("Look at the incident.", "请查看该事件。"),
}

DESCRIPTIONS: Mapping[tuple[Hazard | None, Reason], Wording] = {
    (Hazard.EMERGENCY_CALL, Reason.FIRST_FACT): Wording(
        "Help point {device} at {place} was pressed.", "位于 {place} 的求助点 {device} 被按下。"
    ),
    (Hazard.FIRE, Reason.FIRST_FACT): Wording(
        "Camera {device} at {place} may see fire. No person has confirmed it.",
        "位于 {place} 的摄像机 {device} 可能拍到火情，尚未经人员确认。",
    ),
    (None, Reason.FIRST_FACT): Wording("It was reported by {device}.", "由 {device} 报告。"),
    (None, Reason.UNREGISTERED_DEVICE): Wording(
        "A help point that no registry names was pressed, at {place}.",
        "一个未登记的求助点被按下，位于 {place}。",
    ),
    (None, Reason.UNREGISTERED_GROUP): Wording(
        "Many help points that no registry names are being pressed. Besides those with an incident of their own: "
        "{count} presses so far. Somebody may be in need behind any of them.",
        "多个未登记的求助点被按下。除已单独立案者外，至今共 {count} 次，其中可能有人正需要救助。",
    ),
    (None, Reason.UNEXPECTED_SOURCE): Wording(
        "Help point {device} at {place} was pressed, as another gateway reports than the registry names: {count} "
        "presses so far.",
        "位于 {place} 的求助点 {device} 被按下，但由登记以外的网关上报，至今共 {count} 次。",
    ),
    (Hazard.UNEXPECTED_SOURCE, Reason.UNEXPECTED_SOURCE): Wording(
        "An event of {device} came through another gateway than the registry names. A press was answered as a call; "
        "nothing else of it counts.",
        "{device} 的事件由登记以外的网关上报。求助按键已按求助处理，其余内容不予采信。",
    ),
    (Hazard.UNEXPECTED_SOURCE, Reason.MORE_RECORDS): Wording(
        "Events of further devices have come through this gateway: {count} events so far.",
        "又有其他设备的事件经该网关上报，至今共 {count} 条。",
    ),
    (None, Reason.PRESSED_AGAIN): Wording(
        "Help point {device} was pressed again: {count} presses so far.",
        "求助点 {device} 再次被按下，至今共 {count} 次。",
    ),
    (Hazard.EMERGENCY_CALL, Reason.ANOTHER_SOURCE): Wording(
        "Help point {device} close by was pressed too: {count} presses so far.",
        "附近的求助点 {device} 也被按下，至今共 {count} 次。",
    ),
    (None, Reason.ANOTHER_SOURCE): Wording("{device} close by reports it too.", "附近的 {device} 也有报告。"),
    (None, Reason.CORROBORATED): Wording(
        "A camera may see fire, and a help point close by was pressed: two feeds tell of it. {device} tells of it at "
        "{place}.",
        "摄像机疑似拍到火情，附近求助点也被按下：两个数据源相互印证。{device} 位于 {place}。",
    ),
    (None, Reason.RELATED): Wording(
        "Something else is wrong in the same place: see the related incidents.",
        "同一地点还有其他异常：请查看关联事件。",
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
    (Hazard.FEED_FAULT, Reason.FEED_FAULT): Wording(
        "A record of the feed could not be used and is now a dead letter. Device: {device}.",
        "该数据源的一条记录无法使用，已转为死信。设备：{device}。",
    ),
    (None, Reason.SKIPPED): Wording(
        "A record was passed without being read, because processes ended at it or a person said so. It lies at "
        "{device}.",
        "一条记录未经读取即被跳过，原因是处理进程在此终止或有人要求跳过。其位置：{device}。",
    ),
    (None, Reason.UNEXPECTED_WRITER): Wording(
        "A record of the log was not its writer's to write. Writer: {device}. It has had no effect; a press in it is "
        "heard all the same.",
        "日志中的一条记录由无权写入者写入。写入者：{device}。该记录未生效；其中如有按钮呼叫，仍照常上报。",
    ),
    (None, Reason.MORE_RECORDS): Wording(
        "More such records have come: {count} so far.", "此类记录继续出现，至今共 {count} 条。"
    ),
    (None, Reason.NOTED): Wording("Somebody has added a note.", "已添加备注。"),
    (None, Reason.AREA_FAULT): Wording(
        "{count} devices of the zone have it at once, for example {device}. One cause is likely.",
        "该区域共有 {count} 台设备同时出现此情况，例如 {device}，可能由同一原因引起。",
    ),
    (None, Reason.STILL_AFTER_AREA): Wording(
        "Others in the zone have recovered; {device} has not.", "区域内其他设备已恢复，{device} 仍未恢复。"
    ),
    (None, Reason.STILL_AFTER_WORK): Wording(
        "The planned work should be over, and {device} still has it.",
        "计划作业应已结束，但 {device} 仍存在该情况。",
    ),
    (None, Reason.STILL_THERE): Wording(
        "A person closed it, and {device} still has it: see the related incident.",
        "人员已关闭该事件，但 {device} 仍存在该情况：请查看关联事件。",
    ),
    (None, Reason.EXERCISE_OVER): Wording(
        "The exercise of {device} has lasted for as long as one may, and nobody has ended it.",
        "{device} 的演习已达最长时限且无人结束。",
    ),
    (None, Reason.DEVICE_MOVED): Wording(
        "The registry has changed where {device} is or who answers: it is at {place}, and {unit} is asked.",
        "登记信息已变更：{device} 位于 {place}，现由 {unit} 负责。",
    ),
    (None, Reason.LOG_BROKEN): Wording(
        "Records of the log are missing, or it is another log. Open incidents were kept; what the missing records "
        "told is not known.",
        "日志记录缺失或已被更换。未结事件已保留；缺失记录的内容未知。",
    ),
    (None, Reason.FEED_BROKEN): Wording("{loss}", "{loss}"),
    (Hazard.FEED_BROKEN, Reason.MORE_RECORDS): Wording("More is missing. {loss}", "缺失继续增加。{loss}"),
    (None, Reason.ACCEPTED): Wording("Somebody has accepted it.", "已有人受理。"),
    (None, Reason.REJECTED_BY_UNIT): Wording(
        "The unit that was asked has refused. The next one is asked, if there is one.",
        "被通知单位已拒绝；如有下一级单位，将予通知。",
    ),
    (None, Reason.EN_ROUTE): Wording("Somebody is on the way.", "人员已出发。"),
    (None, Reason.ON_SCENE): Wording("Somebody is on scene.", "人员已到场。"),
    (None, Reason.CLEARED): Wording("A person says that it is over.", "人员确认情况已解除。"),
    (None, Reason.CLOSED): Wording("A person has closed it.", "人员已关闭。"),
    (None, Reason.CANCELLED): Wording("A person has cancelled it.", "人员已取消。"),
    (None, Reason.REGRADED): Wording("A person has changed its grade.", "人员已调整等级。"),
    (None, Reason.SHELVED): Wording("A person has put it aside for a while.", "人员已将其暂时搁置。"),
    (None, Reason.UNSHELVED): Wording("A person has taken it up again.", "人员已恢复处理。"),
    (None, Reason.OUT_OF_SERVICE): Wording(
        "A person has taken the device out of service.", "人员已将设备停用。"
    ),
    (None, Reason.IN_SERVICE): Wording("The device is in service again.", "设备已恢复使用。"),
    (None, Reason.NOBODY_ACKNOWLEDGED): Wording(
        "Nobody has acknowledged it in time. {unit} is asked now.", "无人及时确认，现升级通知 {unit}。"
    ),
    (None, Reason.STILL_UNACKNOWLEDGED): Wording("Nobody has acknowledged it yet.", "仍无人确认。"),
    (None, Reason.NO_PROGRESS): Wording(
        "It was accepted, and nothing has followed: it waits for somebody again.",
        "已受理但无后续进展：重新等待处理。",
    ),
    (None, Reason.SHELVING_OVER): Wording("The time for which it was put aside is over.", "搁置时间已到。"),
    (None, Reason.RESOLVED): Wording(
        "It was cleared and acknowledged, and has closed by itself.", "已解除并确认，自动关闭。"
    ),
    (None, Reason.EXPIRED): Wording(
        "Nobody has touched the incident for too long: it has ended by itself.",
        "该事件长时间无人处理，已自动结束。",
    ),
    (None, Reason.CONDITION_ACTIVE): Wording("{device} reports a fault.", "{device} 报告故障。"),
    **dict.fromkeys(
        ((Hazard.EMERGENCY_CALL, Reason.CONDITION_ACTIVE), (Hazard.FIRE, Reason.CONDITION_ACTIVE)),
        Wording("Its grade has not changed for a while: it goes on.", "等级已稳定，事件仍在继续。"),
    ),
    (Hazard.SITE_COMM_FAIL, Reason.CONDITION_ACTIVE): Wording(
        "Gateway {device} or several devices behind it are still silent.",
        "网关 {device} 或其下多台设备仍然失联。",
    ),
    (Hazard.COMM_FAIL, Reason.CONDITION_ACTIVE): Wording(
        "{device} has not spoken for longer than it promised.", "{device} 未按约定时间上报。"
    ),
    (Hazard.STUCK_BUTTON, Reason.CONDITION_ACTIVE): Wording(
        "The button of {device} has been held for too long. Its call stands.",
        "{device} 的按钮按住过久，其求助仍然有效。",
    ),
    (Hazard.TEST_MISSED, Reason.CONDITION_ACTIVE): Wording(
        "The scheduled test of {device} did not come.", "{device} 未进行定期测试。"
    ),
    (Hazard.FEED_SILENT, Reason.CONDITION_ACTIVE): Wording(
        "No worker has told of {device}, or of a part of it, for too long.",
        "{device} 或其一部分长时间无人处理。",
    ),
    (Hazard.EXERCISE_OVERDUE, Reason.CONDITION_ACTIVE): Wording(
        "{device} is still in exercise mode.", "{device} 仍处于演习模式。"
    ),
    (Hazard.CLOCK_DIFFERS, Reason.CONDITION_ACTIVE): Wording(
        "The clock of {device} and that of the broker differ.", "{device} 的时钟与消息代理的时钟不一致。"
    ),
    (Hazard.FEED_STALE, Reason.CONDITION_ACTIVE): Wording(
        "The list has not been delivered for too long: nothing is matched against it.",
        "名单长时间未更新：暂停比对。",
    ),
    (None, Reason.SECOND_PERSON_WANTED): Wording(
        "One person has asked to {asked} it. It is done if another person asks for the same until {until}; nothing "
        "has changed so far.",
        "已有一人请求{asked}。须由另一人在 {until} 之前提出同样请求方可执行；目前未作任何更改。",
    ),
    (None, Reason.SECOND_PERSON_LAPSED): Wording(
        "One person has asked to {asked} it, and nobody else has in time: it was not done.",
        "曾有一人请求{asked}，但无第二人及时提出同样请求：未予执行。",
    ),
    (None, Reason.CONDITION_BACK): Wording("It is there again.", "情况再次出现。"),
    (None, Reason.CONDITION_OVER): Wording("It is over.", "情况已消失。"),
    (None, Reason.FLAPPING): Wording(
        "It comes and goes. Until it is calm, nothing more is said of it.",
        "情况反复出现，稳定之前不再提示。",
    ),
    (None, Reason.SITE_SILENT): Wording(
        "Gateway {device} or several devices behind it are silent.", "网关 {device} 或其下多台设备失联。"
    ),
    (None, Reason.INHIBITED): Wording(
        "Others have it too, from one cause: another incident speaks for it.",
        "其他设备因同一原因也出现此情况，由另一事件统一处理。",
    ),
    (None, Reason.DEVICE_UPDATED): Wording(
        "The registry has changed what the device promises: it is watched anew.",
        "登记信息已变更：重新开始监测该设备。",
    ),
    (None, Reason.DEVICE_LEFT): Wording("The device has left this zone.", "设备已离开该区域。"),
    (None, Reason.FOLD_ERROR): Wording(
        "A help point was pressed, and callbox failed to work out more than stands in this alert.",
        "求助点被按下，系统未能得出本警报以外的信息。",
    ),
}
"""Descriptions by hazard and reason, or by the reason alone."""

NOTHING_TO_DO = Wording("Nothing needs to be done.", "无需处理。")
_ACKNOWLEDGE = Wording("Acknowledge it.", "请确认。")

INSTRUCTIONS_BY_REASON: Mapping[Reason, Wording] = {
    Reason.EXPIRED: Wording("Find out why nobody answered.", "请查明为何无人响应。"),
    Reason.CANCEL_REQUESTED: Wording(
        "Find out whether help is still needed, then close the incident.",
        "请确认是否仍需救助，然后关闭该事件。",
    ),
    Reason.CLEARED: Wording("Close it, and say how it ended.", "请关闭并注明处置结果。"),
    Reason.CONDITION_OVER: _ACKNOWLEDGE,
    Reason.UNEXPECTED_WRITER: Wording(
        "Tell whoever runs the system: a worker lacks its key, or somebody else writes into the log.",
        "请通知系统运维人员：某个处理程序缺少密钥，或有他人在写入日志。",
    ),
    Reason.SECOND_PERSON_WANTED: Wording(
        "Have a second person look at it, who does the same if they agree.",
        "请由第二人核实；如同意，请其执行同样操作。",
    ),
    **dict.fromkeys(
        (
            Reason.DEVICE_TEST,
            Reason.CANCELLED_BY_DEVICE,
            Reason.CANCELLED,
            Reason.CLOSED,
            Reason.RESOLVED,
            Reason.INHIBITED,
            Reason.DEVICE_LEFT,
            Reason.DEVICE_UPDATED,
            Reason.SHELVED,
            Reason.OUT_OF_SERVICE,
            Reason.NOTED,
        ),
        NOTHING_TO_DO,
    ),
}

ASKED: Mapping[AckAction | None, Wording] = {
    AckAction.CANCEL: Wording("cancel", "取消"),
    AckAction.CLOSE: Wording("close", "关闭"),
}
"""What a second person is asked for."""

PREFIXES: Mapping[Status, Wording] = {
    Status.TEST: Wording("TEST: ", "测试："),
    Status.EXERCISE: Wording("EXERCISE: ", "演习："),
}

_NONE = Wording("", "")

_CHANGE = Wording("change", "更改")

_NOT_READ = Wording("Records of the feed were not read.", "该数据源有记录未被读取。")

_CHANGED = Wording("The incident has changed.", "该事件有变化。")


def texts_for(
    hazard: Hazard,
    reason: Reason,
    *,
    zone: str,
    device_name: str = "",
    count: int = 0,
    unit: str = "",
    status: Status = Status.ACTUAL,
    place: Place | None = None,
    late: tuple[EpochMs, EpochMs] | None = None,
    loss: RecordLoss | None = None,
    asked: AckAction | None = None,
    asked_until: EpochMs | None = None,
) -> tuple[AlertText, ...]:
    """The texts of one alert.

    Args:
        hazard: What is, or may be, wrong.
        reason: Why the alert is issued.
        zone: The incident's zone.
        device_name: The device that reported it; empty for an unregistered one, because anybody can make up its id.
        count: How many presses there were.
        unit: The unit that is asked now.
        status: Actual, Test or Exercise; the headline of the last two begins with it.
        place: Where the incident is, or None.
        late: When the fact happened and when it arrived, for one that came late; else None.
        loss: The records that the incident is about, where they were never read; else None.
        asked: The action that waits for a second person, or has lapsed without one; else None.
        asked_until: Until when it waits; else None.

    Returns:
        English, then Chinese. A pair of hazard and reason that the catalogue lacks gets the general wording.
    """
    headline = HEADLINES.get(hazard) or HEADLINES[Hazard.UNKNOWN]
    general = DESCRIPTIONS.get((None, reason), _CHANGED)
    description = DESCRIPTIONS.get((hazard, reason), general)
    by_hazard = INSTRUCTIONS.get(hazard) or INSTRUCTIONS[Hazard.UNKNOWN]
    instruction = INSTRUCTIONS_BY_REASON.get(reason, by_hazard)
    prefix = PREFIXES.get(status, _NONE)
    until = "" if asked_until is None else moment(asked_until)
    values = {"count": count, "unit": unit, "until": until}
    action = ASKED.get(asked, _CHANGE)
    lost = describe_loss(loss) if loss is not None and "{loss}" in description.en else _NOT_READ
    named, where = as_printable(device_name), _place(place) if "{place}" in description.en else ""
    arrived_en, arrived_zh = ("", "") if late is None else _late(*late)
    return (
        AlertText(
            lang="en",
            headline=prefix.en + headline.en.format(zone=zone),
            description=description.en.format(
                device=named or "A device",
                place=where or "a place that is not known",
                loss=lost.en,
                asked=action.en,
                **values,
            )
            + arrived_en,
            instruction=instruction.en,
        ),
        AlertText(
            lang="zh",
            headline=prefix.zh + headline.zh.format(zone=zone),
            description=description.zh.format(
                device=named or "设备", place=where or "未知位置", loss=lost.zh, asked=action.zh, **values
            )
            + arrived_zh,
            instruction=instruction.zh,
        ),
    )


def _place(place: Place | None) -> str:
    """A place for people: degrees of latitude and longitude."""
    if place is None:
        return ""
    lat, lon = degrees(place.lat_e7), degrees(place.lon_e7)
    return f"{abs(lat):.5f}{'S' if lat < 0 else 'N'} {abs(lon):.5f}{'W' if lon < 0 else 'E'}"


def _late(happened_at: EpochMs, arrived_at: EpochMs) -> tuple[str, str]:
    """When something happened, and when it arrived."""
    happened, arrived = moment(happened_at), moment(arrived_at)
    return (
        f" It happened at {happened} and arrived at {arrived}: it was on its way for long.",
        f"发生于 {happened}，到达于 {arrived}：传输延迟较长。",
    )
