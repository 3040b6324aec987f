"""How often the flame rule detects a fire, and its false positives: `python -m benchmarks.vision.flame --json`.

Three groups of clips go through `processors.vision.flame` exactly as the frames worker feeds it: the videos of a
folder (with rectangles where an XML file of the FURG fire data set lies beside them), rendered fires, and
rendered scenes without any. It is compared with the simplest rule: at least 1 % of the picture has the colour of
fire, picture by picture. Rendered scenes show what confuses a rule, not how often that happens in a street.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree as ET

import cv2
import numpy as np

from benchmarks.support.machine import describe
from benchmarks.vision.flame_scenes import Scene, clip, fire_scenes, quiet_scenes
from callbox.demo.pictures.scenes import video_frames
from processors.vision.boxes import Picture
from processors.vision.flame import FlameDecision, FlamePolicy, FlameReason, FlameState, observe
from processors.vision.flicker import Box
from processors.vision.jpeg import decode_jpeg
from schemas.units import EpochMs

COLOUR_ALONE = 0.01  # part of the picture: the usual rule of thumb
NOT_JUDGED = {FlameReason.FILLING, FlameReason.TOO_SOON, FlameReason.NOT_NEWER}
CARRIED = {FlameReason.CANDIDATE, FlameReason.CONTINUES, FlameReason.RENEWED}
START_MS = 1_700_000_000_000  # any time will do

Frames = Iterator[tuple[float, Picture]]
Rectangles = dict[int, list[Box]]  # of each picture number


class Seen(NamedTuple):
    """One judged picture."""

    at_s: float
    decision: FlameDecision
    votes: bool
    coloured: bool
    cpu_ms: float


def watch(frames: Frames, policy: FlamePolicy) -> list[Seen]:
    """Feed a clip to the rule; pictures that only fill the window are left out."""
    state: FlameState | None = None
    seen = []
    for at_s, picture in frames:
        started = time.process_time()
        state, decision = observe(state, picture, EpochMs(START_MS + round(at_s * 1000)), policy)
        cpu_ms = (time.process_time() - started) * 1000
        if decision.reason not in NOT_JUDGED:
            coloured = float(state.window[-1].colour.mean()) >= COLOUR_ALONE
            seen.append(Seen(at_s, decision, state.votes[-1], coloured, cpu_ms))
    return seen


def tally(seen: list[Seen]) -> dict[str, object]:
    """Count what a clip gave."""
    return {
        "judged": len(seen),
        "evidence": sum(each.votes for each in seen),
        "vote_carried": sum(each.decision.reason in CARRIED for each in seen),
        "facts": sum(each.decision.candidate for each in seen),
        "first_candidate_s": next((round(each.at_s, 2) for each in seen if each.decision.candidate), None),
        "colour_alone": sum(each.coloured for each in seen),
    }


def has_candidate(seen: list[Seen]) -> bool:
    """Whether the rule reports a fire anywhere in a clip."""
    return any(each.decision.candidate for each in seen)


def summary(clips: list[list[Seen]]) -> dict[str, object]:
    """Clips that gave a candidate, and the shares of their pictures."""
    pictures = [each for seen in clips for each in seen]
    return {
        "clips": len(clips),
        "clips_with_candidate": sum(has_candidate(seen) for seen in clips),
        "clips_with_colour_alone": sum(any(each.coloured for each in seen) for seen in clips),
        "judged": len(pictures),
        "evidence_rate": _share([each.votes for each in pictures]),
        "vote_carried_rate": _share([each.decision.reason in CARRIED for each in pictures]),
        "colour_alone_rate": _share([each.coloured for each in pictures]),
    }


def by_truth(seen: list[Seen], video: Path) -> dict[str, object] | None:
    """Split a video by the XML beside it, and count the boxes that touch a rectangle of the same picture."""
    if not video.with_suffix(".xml").exists():
        return None
    rectangles = read_rectangles(video.with_suffix(".xml"))
    pictures_per_s = cv2.VideoCapture(str(video)).get(cv2.CAP_PROP_FPS)
    marked = [(each, rectangles.get(round(each.at_s * pictures_per_s), [])) for each in seen]
    boxed = [(each.decision.box, truth) for each, truth in marked if each.decision.box and truth]
    return {
        "fire": tally([each for each, truth in marked if truth]),
        "other": tally([each for each, truth in marked if not truth]),
        "boxes": len(boxed),
        "boxes_on_fire": sum(any(_touch(box, each) for each in truth) for box, truth in boxed),
    }


def read_rectangles(path: Path) -> Rectangles:
    """Read the FURG data set's rectangles (x, y, width, height in pixels) of each picture."""
    frames = ET.parse(path).getroot().iterfind("frames/_")  # noqa: S314 -- the bench's own file
    found: Rectangles = {}
    for frame in frames:
        numbers = [
            [int(part) for part in (each.text or "").split()] for each in frame.iterfind("annotations/_")
        ]
        found[int(frame.findtext("frameNumber", "-1"))] = [(x, y, x + w, y + h) for x, y, w, h in numbers]
    return found


def watch_video(path: Path, every_s: float) -> list[Seen]:
    """Watch a video."""
    frames = ((at_s, decode_jpeg(jpeg)) for at_s, jpeg in video_frames(path, every_s))
    return watch(frames, FlamePolicy())


def render(scenes: dict[str, Scene], given: argparse.Namespace) -> dict[str, list[Seen]]:
    """Watch every scene, each from the same seed."""
    watched = {}
    for name, scene in scenes.items():
        watched[name] = watch(clip(scene, given.seconds, given.every_s, given.seed), FlamePolicy())
        if not given.json:
            print(f"{name:24} {tally(watched[name])}", file=sys.stderr)
    return watched


def main(arguments: list[str]) -> None:
    """Run the bench and print its report; with --json nothing else."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of *.mp4, with *.xml beside them")
    parser.add_argument("--stills", type=Path, help="folder of *.jpg to shake; default: DATA/../checkpoint")
    parser.add_argument("--every-s", type=float, default=0.5, help="seconds between two pictures")
    parser.add_argument("--seconds", type=float, default=60.0, help="length of a rendered clip")
    parser.add_argument("--seed", type=int, default=1, help="of the rendered clips")
    parser.add_argument("--json", action="store_true", help="print only the report")
    given = parser.parse_args(arguments)
    cv2.setNumThreads(1)
    stills = given.stills or given.data.parent / "checkpoint"
    groups = {
        "videos": {path.stem: watch_video(path, given.every_s) for path in sorted(given.data.glob("*.mp4"))},
        "fires": render(fire_scenes(given.seed), given),
        "quiet": render(quiet_scenes(stills if stills.is_dir() else None, given.seed), given),
    }
    truths = {
        path.stem: by_truth(groups["videos"][path.stem], path) for path in sorted(given.data.glob("*.mp4"))
    }
    costs = [each.cpu_ms for clips in groups.values() for seen in clips.values() for each in seen]
    result = {
        "every_s": given.every_s,
        "seconds": given.seconds,
        "seed": given.seed,
        "summary": {group: summary(list(clips.values())) for group, clips in groups.items()},
        "quiet_taken_for_fire": [name for name, seen in groups["quiet"].items() if has_candidate(seen)],
        "cpu_ms_per_frame": {
            "median": round(statistics.median(costs), 2),
            "p90": round(float(np.percentile(costs, 90)), 2),
        },
        "clips": {
            group: {name: tally(seen) for name, seen in clips.items()} for group, clips in groups.items()
        },
        "videos_by_truth": truths,
        "machine": describe(),
    }
    print(json.dumps(result, indent=None if given.json else 2, ensure_ascii=False))


def _share(flags: list[bool]) -> float | None:
    return round(sum(flags) / len(flags), 3) if flags else None


def _touch(box: Box, rectangle: Box) -> bool:
    return box[0] < rectangle[2] and rectangle[0] < box[2] and box[1] < rectangle[3] and rectangle[1] < box[3]


if __name__ == "__main__":
    main(sys.argv[1:])
