"""History that arrives late is judged in silence, so that what is open says since when, on the first day too.

Nothing of it is told: what had happened before anybody asked is no news, and what was told already stands.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from bot.engine.closes import all_closes, groups_by_asset
from bot.engine.evaluate import Shared, evaluate
from storage.alerts import episodes
from storage.panels.reader import PanelReader

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from bot.engine.evaluate import Evaluation
    from signals.alerts.event import Event
    from storage.alerts.episodes import Key, RuleState
    from storage.engine.database import Store
    from storage.engine.work import Work


def judge_past(store: Store, assets: Sequence[str], now: datetime, *, market: bool = True) -> int:
    """Judge all that is stored of some assets up to where each rule stands; return how many episodes were learnt.

    market: also of the market as a whole.

    A rule that has never been judged gets its whole past and its state. One that has keeps what it told: it learns
    earlier episodes, since when the open one has been, and that one is open which it took for calm.
    """
    states = episodes.rule_states(store)
    learnt = 0
    for asset, groups in groups_by_asset(assets, market=market).items():
        reader, shared = PanelReader(store), Shared()
        for _, group in groups:
            closes = all_closes(reader, group, asset, now)
            if closes is None:
                continue
            keys = [(rule.id, asset) for rule in group.rules]
            pasts = [states[key].state.past for key in keys if key in states]
            if len(pasts) == len(keys) and all(past is not None and past <= closes.first for past in pasts):
                continue  # nothing older has come since
            judged = [at for key in keys if key in states and (at := states[key].state.at)]
            if judged:
                end = min(judged) + (closes.step if closes.clock.at_open else timedelta(0))
                closes = replace(closes, end=min(closes.end, end))
            if closes.first >= closes.end:
                continue
            by_key: dict[Key, list[Evaluation]] = defaultdict(list)
            for evaluation in evaluate(reader, closes, {}, shared=shared):
                by_key[evaluation.key].append(evaluation)
            with store.write() as work:
                for key, every in by_key.items():
                    learnt += _learn(work, key, every, states.get(key), closes.first)
    return learnt


def _learn(work: Work, key: Key, every: Sequence[Evaluation], known: RuleState | None, begin: datetime) -> int:
    """Write what a rule had not known of its past; return how many episodes that is."""
    final = replace(every[-1].state, past=begin, silent=known is None or known.state.silent)
    past = _episodes([one.event for one in every if one.event])
    if known is None or known.state.at is None:
        number = None
        for events in past:
            number = _record(work, key, events)
        episodes.save(work, key, final, number)
        return len(past)
    first = episodes.first_since(work, key)
    over = [events for events in past if events[-1].kind == "resolved" and (first is None or events[-1].at <= first)]
    for events in over:
        _record(work, key, events)
    stands = replace(known.state, past=begin)
    running = past[-1] if past and past[-1][-1].kind != "resolved" else None
    if running is None:
        episodes.save(work, key, stands, known.episode)
    elif known.state.rank == 0 and known.state.at == final.at:
        episodes.save(work, key, final, _record(work, key, running))
        return len(over) + 1
    elif known.state.rank > 0 and known.episode and known.state.since and running[0].since < known.state.since:
        episodes.began(work, known.episode, running[0].since)
        episodes.save(work, key, replace(stands, since=running[0].since), known.episode)
    else:
        episodes.save(work, key, stands, known.episode)
    return len(over)


def _episodes(events: Sequence[Event]) -> list[list[Event]]:
    """Return the events of each episode; what resumes or gets worse soon after an end goes on with it."""
    found: list[list[Event]] = []
    for event in events:
        if event.kind == "fired" or not found:
            found.append([])
        found[-1].append(event)
    return found


def _record(work: Work, key: Key, events: Sequence[Event]) -> int:
    number = episodes.record(work, key, events[0], None)
    for event in events[1:]:
        episodes.record(work, key, event, number)
    return number
