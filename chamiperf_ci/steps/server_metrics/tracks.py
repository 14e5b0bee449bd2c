"""Series over time: what a counter rose by although the process restarted, what a gauge reached, where a gap is.

Knows nothing of where the samples come from, nor of what they mean.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

Labels = tuple[tuple[str, str], ...]
"""Label names with their values, sorted by name."""

_GAP = 3.0
"""So many times the usual distance between two looks is a gap."""


@dataclass(frozen=True, slots=True)
class Track:
    """One series: its samples by ascending time."""

    name: str
    labels: Labels
    times: Sequence[float]
    """Unix seconds."""
    values: Sequence[float]

    def label(self, candidates: Iterable[str]) -> str | None:
        """The value of the first of these labels that the series has."""
        mine = dict(self.labels)
        return next((mine[name] for name in candidates if name in mine), None)

    def between(self, start: float, end: float) -> "Track":
        """The samples from start to end, both included."""
        first, last = bisect_left(self.times, start), bisect_right(self.times, end)
        return Track(self.name, self.labels, self.times[first:last], self.values[first:last])

    def increase(self, first_look: float) -> float:
        """What a counter rose by; 0 without samples.

        After a restart it counts from 0 again, so a fall means that all of the new value was added. A series that is
        not there at `first_look` and appears later was 0 until then.
        """
        if not self.times:
            return 0.0
        total = self.values[0] if self.times[0] > first_look else 0.0
        for before, after in zip(self.values, self.values[1:], strict=False):
            total += after if after < before else after - before
        return total

    def restarts(self) -> tuple[float, ...]:
        """The times of the first samples after a fall."""
        steps = zip(self.values, self.values[1:], self.times[1:], strict=False)
        return tuple(time for before, after, time in steps if after < before)


@dataclass(slots=True)
class _Growing:
    times: "array[float]" = field(default_factory=lambda: array("d"))
    values: "array[float]" = field(default_factory=lambda: array("d"))


class Recorder:
    """Collects looks into tracks, 16 bytes a sample, so that an hour of looks stays small."""

    def __init__(self) -> None:
        self._looks = array("d")
        self._series: dict[tuple[str, Labels], _Growing] = {}

    def add(self, time: float, samples: Iterable[tuple[str, Labels, float]]) -> None:
        """Take one look in; looks come in order."""
        self._looks.append(time)
        for name, labels, value in samples:
            growing = self._series.setdefault((name, labels), _Growing())
            growing.times.append(time)
            growing.values.append(value)

    def keep_only(self, names: frozenset[str]) -> None:
        """Forget every other series."""
        self._series = {key: growing for key, growing in self._series.items() if key[0] in names}

    def recording(self) -> "Recording":
        """What was collected so far."""
        tracks = [Track(name, labels, each.times[:], each.values[:]) for (name, labels), each in self._series.items()]
        return Recording.of(self._looks[:], tracks)


@dataclass(frozen=True, slots=True)
class Recording:
    """All series of one service."""

    looks: Sequence[float]
    """When the service was looked at successfully, ascending."""
    tracks: Mapping[str, tuple[Track, ...]]
    """By name of the series, `..._bucket` and the like included."""
    late_s: float = 0.0
    """So much later than the first look a series may begin that was there before; several instances are not looked at
    in the same moment."""

    @classmethod
    def of(cls, looks: Sequence[float], tracks: Iterable[Track], *, late_s: float = 0.0) -> "Recording":
        """A recording of these tracks."""
        by_name: dict[str, list[Track]] = {}
        for track in tracks:
            by_name.setdefault(track.name, []).append(track)
        return cls(looks, {name: tuple(found) for name, found in by_name.items()}, late_s)

    def between(self, start: float, end: float) -> "Recording":
        """What was seen from start to end; a series without a sample then is absent."""
        inside = (track.between(start, end) for tracks in self.tracks.values() for track in tracks)
        first, last = bisect_left(self.looks, start), bisect_right(self.looks, end)
        return Recording.of(self.looks[first:last], (track for track in inside if track.times), late_s=self.late_s)

    @property
    def observed_s(self) -> float:
        """Seconds from the first look to the last."""
        return self.looks[-1] - self.looks[0] if self.looks else 0.0

    @property
    def gaps(self) -> tuple[float, ...]:
        """The distances between looks, seconds, that are far longer than the usual one."""
        return tuple(step for step in self._steps() if step > self._stale_s())

    def named(self, name: str) -> tuple[Track, ...]:
        """The series of that name."""
        return self.tracks.get(name, ())

    def increases(self, name: str) -> Iterator[tuple[Track, float]]:
        """Each series of that name with what it rose by."""
        for track in self.named(name):
            yield track, track.increase(self.looks[0] + self.late_s)

    def totals(self, name: str) -> list[float]:
        """A gauge's value at each look, all its series added up, each by its last sample if that is no later look's."""
        tracks = self.named(name)
        found = []
        for look in self.looks:
            known = [bisect_right(track.times, look) - 1 for track in tracks]
            values = [
                track.values[last]
                for track, last in zip(tracks, known, strict=True)
                if last >= 0 and look - track.times[last] <= self.late_s
            ]
            if values:
                found.append(sum(values))
        return found

    def _steps(self) -> list[float]:
        return [after - before for before, after in zip(self.looks, self.looks[1:], strict=False)]

    def _stale_s(self) -> float:
        """A distance that is far longer than the usual one between two looks."""
        steps = sorted(self._steps())
        return _GAP * steps[len(steps) // 2] if steps else 0.0
