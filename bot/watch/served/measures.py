"""The one list of what is exported: name, kind, labels, help, its panel, and where the value comes from.

/metrics and deploy/grafana.json are loops over it. Labels are names of venues, inputs, channels, rules and reasons,
never of chats or people, so that there are some hundred series at most, however many use the bot: an input has one
number a venue, that of the asset furthest behind, and not one an asset.
"""

from __future__ import annotations

import platform
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from bot.delivery.dispatcher import SENT
from handlers.version import VERSION
from storage.engine.sharing.leases import ROLES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from bot.watch.vitals import Look

    Values = Iterable[tuple[tuple[str, ...], float]]

MeasureKind = Literal["counter", "gauge", "histogram", "info", "process"]
Unit = Literal["short", "s", "bytes", "ops", "dateTimeFromNow", "bool", "percent"]


@dataclass(frozen=True, slots=True)
class ExportedMeasure:
    """One thing that is measured.

    name: as Prometheus has it, in base units. kind: `process` is one that the library itself adds, on Linux. row,
    title, unit: of its panel. read: its values, each with those of its labels; None of a histogram and of what the
    library adds. expression: what the panel shows, where that does not follow from the kind.
    """

    name: str
    kind: MeasureKind
    help: str
    row: str
    title: str
    unit: Unit
    labels: tuple[str, ...] = ()
    read: Callable[[Look], Values] | None = None
    expression: str | None = None

    @property
    def shown(self) -> tuple[str, ...]:
        """Return the expressions of its panel."""
        by = f" by ({', '.join(self.labels)})" if self.labels else ""
        if self.expression:
            return (self.expression,)
        if self.kind == "counter":
            return (f"sum{by} (rate({self.name}[$__rate_interval]))",)
        if self.kind == "histogram":
            return tuple(
                f"histogram_quantile({q}, sum by (le) (rate({self.name}_bucket[$__rate_interval])))"
                for q in (0.5, 0.99)
            )
        return (self.name,)


def _one(value: float | None) -> Values:
    return () if value is None else (((), float(value)),)


def _messages(look: Look, *, sent: bool) -> Values:
    for (channel, outcome), count in look.counted.items():
        if (outcome == SENT) is sent:
            yield ((channel,) if sent else (channel, outcome)), count
    if sent:
        yield from (((name,), 0) for name in look.channels if (name, SENT) not in look.counted)


def _turns(look: Look) -> Values:
    return ((("good",), look.turns.good), (("failed",), look.turns.failed))


MEASURES: Final = (
    ExportedMeasure(
        "perpulse_build_info",
        "info",
        "Which perpulse runs, on which Python.",
        "Health",
        "Version",
        "short",
        ("version", "python"),
        lambda _: (((VERSION, platform.python_version()), 1),),
    ),
    ExportedMeasure(
        "perpulse_leases_held",
        "gauge",
        "What this process does of what several share: leases by role; none where it stands by.",
        "Health",
        "Leases",
        "short",
        ("role",),
        lambda look: (((role,), look.holds.get(role, 0)) for role in ROLES),
    ),
    ExportedMeasure(
        "perpulse_processes",
        "gauge",
        "Processes on this database that live, this one included.",
        "Health",
        "Processes",
        "short",
        (),
        lambda look: _one(look.processes),
    ),
    ExportedMeasure(
        "perpulse_last_good_turn_timestamp_seconds",
        "gauge",
        "When the last turn went well.",
        "Health",
        "Last good turn",
        "s",
        (),
        lambda look: _one(look.turns.last_good.timestamp() if look.turns.last_good else None),
        "time() - perpulse_last_good_turn_timestamp_seconds",
    ),
    ExportedMeasure(
        "perpulse_own_alarm",
        "gauge",
        "1 for what perpulse has told its owners of itself and is not over.",
        "Health",
        "Own alarms",
        "bool",
        ("alarm",),
        lambda look: (((name,), 1) for name in look.stored.own),
    ),
    ExportedMeasure(
        "perpulse_turns_total",
        "counter",
        "Turns that were taken: what is stored was judged, or that failed.",
        "Turns",
        "Turns",
        "ops",
        ("outcome",),
        _turns,
    ),
    ExportedMeasure(
        "perpulse_turn_seconds", "histogram", "How long good turns took.", "Turns", "Length of a turn", "s"
    ),
    ExportedMeasure(
        "perpulse_event_loop_lag_seconds",
        "gauge",
        "By how much the event loop was late at most within the last minute.",
        "Turns",
        "Event loop lag, worst of a minute",
        "s",
        (),
        lambda look: _one(look.lag),
    ),
    ExportedMeasure(
        "perpulse_input_age_seconds",
        "gauge",
        "Age of the newest figure of an input at a venue, of the followed asset that is furthest behind.",
        "Market data",
        "Age of inputs",
        "s",
        ("venue", "input"),
        lambda look: (
            (key, max(0.0, (look.now - known).total_seconds())) for key, known in look.stored.known_until.items()
        ),
    ),
    ExportedMeasure(
        "perpulse_source_up",
        "gauge",
        "1 where a source answers on a topic, 0 where it is down or refuses this server.",
        "Market data",
        "Sources that do not answer",
        "bool",
        ("source", "topic"),
        lambda look: (((health.source, health.topic), health.state == "ok") for health in look.sources),
        "perpulse_source_up == 0",
    ),
    ExportedMeasure(
        "perpulse_figures_rejected_total",
        "counter",
        "Figures that cannot be true and were kept out.",
        "Market data",
        "Rejected figures",
        "ops",
        ("source", "topic"),
        lambda look: (((health.source, health.topic), health.quarantined) for health in look.sources),
    ),
    ExportedMeasure(
        "perpulse_outbox_rows",
        "gauge",
        "Rows of the outbox that wait, by state.",
        "Messages",
        "Outbox",
        "short",
        ("state",),
        lambda look: (((state,), count) for state, count in look.stored.waiting.items()),
    ),
    ExportedMeasure(
        "perpulse_outbox_oldest_due_seconds",
        "gauge",
        "For how long the oldest row that is due has waited.",
        "Messages",
        "Oldest due row",
        "s",
        ("channel",),
        lambda look: (
            ((channel,), (look.now - look.stored.due_longest.get(channel, look.now)).total_seconds())
            for channel in look.channels
        ),
    ),
    ExportedMeasure(
        "perpulse_messages_sent_total",
        "counter",
        "Messages and edits that arrived.",
        "Messages",
        "Sent",
        "ops",
        ("channel",),
        lambda look: _messages(look, sent=True),
    ),
    ExportedMeasure(
        "perpulse_messages_failed_total",
        "counter",
        "Messages that did not go out, or may not have, at a try.",
        "Messages",
        "Failed",
        "ops",
        ("channel", "reason"),
        lambda look: _messages(look, sent=False),
    ),
    ExportedMeasure(
        "perpulse_channel_up",
        "gauge",
        "1 where a channel works, 0 where its platform is not reached or refuses the token.",
        "Messages",
        "Channels",
        "bool",
        ("channel",),
        lambda look: (((name,), state == "working") for name, state in look.channels.items()),
    ),
    ExportedMeasure(
        "perpulse_episodes_open",
        "gauge",
        "Alarms that are on, by rule and rank; those of people's own rules, and of their positions, together.",
        "Alarms and people",
        "Open episodes",
        "short",
        ("rule", "rank"),
        lambda look: look.stored.episodes.items(),
    ),
    ExportedMeasure(
        "perpulse_destinations",
        "gauge",
        "Chats that are kept, by whether they are open, rest, or are gone.",
        "Alarms and people",
        "Destinations",
        "short",
        ("channel", "state"),
        lambda look: look.stored.destinations.items(),
    ),
    ExportedMeasure(
        "perpulse_ordered",
        "gauge",
        "What people asked for: subscriptions, digests, rules of their own, positions and addresses that are watched.",
        "Alarms and people",
        "Asked for",
        "short",
        ("what",),
        lambda look: (((what,), count) for what, count in look.stored.ordered.items()),
    ),
    ExportedMeasure(
        "perpulse_database_bytes",
        "gauge",
        "Size of the database file.",
        "Machine",
        "Database",
        "bytes",
        (),
        lambda look: _one(look.size),
    ),
    ExportedMeasure(
        "perpulse_disk_free_bytes",
        "gauge",
        "Room that is left on the disk of the database.",
        "Machine",
        "Free on its disk",
        "bytes",
        (),
        lambda look: _one(look.free),
    ),
    ExportedMeasure(
        "process_resident_memory_bytes", "process", "Memory that this process holds.", "Machine", "Memory", "bytes"
    ),
    ExportedMeasure(
        "process_open_fds", "process", "Files and connections that are open.", "Machine", "Open files", "short"
    ),
    ExportedMeasure(
        "process_cpu_seconds_total",
        "process",
        "Processor time that this process has taken.",
        "Machine",
        "Processor",
        "s",
        (),
        None,
        "rate(process_cpu_seconds_total[$__rate_interval])",
    ),
)
