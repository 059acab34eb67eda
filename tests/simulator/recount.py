"""The truth, counted again in the slowest and most obvious way: from the events as they were sent.

    requests, rows ─▶ JSON ─▶ each event_id once ─▶ loops and sets ─▶ the same tables

It shares no line with simulator/ledger.py. Definitions are those of contracts/curated.
"""

import json
from collections import Counter, defaultdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from small_city import Sent, good_events

from lakehouse.business_day import business_day
from lakehouse.contracts import registry

ZONE_OF = {zone.site_host: zone.zone_id for zone in registry().zones}
PRACTICE = ("kzone.voice.events", "kzone.motion.events", "creator.video.events", "consent.events")
ACTIVITY = ("web.behaviour.events", "auth.login.events", "exam.events", "ai.usage.events")  # what the vocabulary's activity_count counts
STEPS = ("page_view", "signup", "mission_complete", "add_to_cart", "purchase")


class Recount:
    """Everything as dicts: key → values, both in the order of the truth's columns."""

    def __init__(self, sent: Sent) -> None:
        unique = {}
        for host, event in good_events(sent):
            unique.setdefault(event["event_id"], (ZONE_OF[host], event["contract"], event["payload"], event.get("org_id", 0)))
        self.events = [(zone, contract, payload, day_of(payload["occurred_at"])) for zone, contract, payload, _ in unique.values()]
        self.answers = [(zone, org, p) for zone, _, p, org in unique.values() if p["event_type"] == "response_given"]
        self.rows = [(row.contract, day_of(json.loads(row.payload)["changed_at"])) for row in sent.rows]
        self.activities = [
            (zone, day, payload["user_id"], contract, payload)
            for zone, contract, payload, day in self.events
            if contract in ACTIVITY
            and "user_id" in payload
            and (contract != "auth.login.events" or payload["event_type"] == "login_succeeded")
        ]

    def clean_rows(self) -> dict:
        counts = Counter((contract, day) for _, contract, _, day in self.events) + Counter(self.rows)
        return {key: (count,) for key, count in counts.items()}

    def sittings(self) -> list[dict]:
        by_attempt = defaultdict(list)
        for _, contract, payload, _ in self.events:
            if contract == "exam.events":
                by_attempt[payload["attempt_id"]].append(payload)
        made = []
        for events in by_attempt.values():
            events.sort(key=lambda e: e["occurred_at"])
            answers = {e["response_index"]: e for e in events if e["event_type"] == "response_given"}
            made.append(
                {
                    "exam": events[0]["exam_id"],
                    "on": day_of(events[0]["occurred_at"]),
                    "end": next((e for e in events if e["event_type"] == "attempt_finished"), None),
                    "answers": len(answers),
                    "right": sum(e["is_correct"] for e in answers.values()),
                }
            )
        return made

    def mart_exam_performance(self) -> dict:
        groups = defaultdict(list)
        for sitting in self.sittings():
            groups[sitting["exam"], sitting["on"]].append(sitting)
        out = {}
        for key, sat in groups.items():
            ends = [s["end"] for s in sat if s["end"]]
            means = (mean([e[name] for e in ends]) for name in ("score", "theta", "time_spent_ms"))
            answers, right = sum(s["answers"] for s in sat), sum(s["right"] for s in sat)
            out[key] = (len(sat), len(ends), *means, answers, right, right / answers if answers else None)
        return out

    def mart_adaptive_stop(self) -> dict:
        groups = defaultdict(list)
        for sitting in self.sittings():
            if sitting["end"]:
                groups[sitting["exam"], sitting["on"]].append(sitting["end"])
        out = {}
        for key, ends in groups.items():
            stops = Counter("error" if e["standard_error"] < 0.3 else "length" if e["item_count"] >= 50 else "neither" for e in ends)
            over = sum(e["item_count"] > 50 for e in ends)
            means = mean([e["item_count"] for e in ends]), mean([e["standard_error"] for e in ends])
            out[key] = (len(ends), stops["error"], stops["length"], stops["neither"], over, *means)
        return out

    def mart_daily_activity(self) -> dict:
        active, counts = defaultdict(set), Counter()
        for zone, day, user, _, _ in self.activities:
            for where in (zone, "all"):
                active[where, day].add(user)
                counts[where, day] += 1
        return {
            (where, day): (len(users), len(within(active, where, day, 7)), len(within(active, where, day, 30)), counts[where, day])
            for (where, day), users in active.items()
        }

    def mart_retention(self) -> dict:
        days = defaultdict(set)
        for _, day, user, _, _ in self.activities:
            days[user].add(day)
        cohorts, retained = Counter(), Counter()
        for on in days.values():
            cohorts[min(on)] += 1
            for day in on:
                retained[min(on), (day - min(on)).days] += 1
        return {key: (cohorts[key[0]], count, count / cohorts[key[0]]) for key, count in retained.items()}

    def mart_funnel(self) -> dict:
        visits = defaultdict(lambda: {step: set() for step in STEPS})
        for zone, contract, payload, day in self.events:
            if contract == "web.behaviour.events":
                visits[zone, day].setdefault(payload["event_type"], set()).add(payload["session_id"])
        return {key: tuple(len(steps[step]) for step in STEPS) for key, steps in visits.items()}

    def mart_ai_cost(self) -> dict:
        groups = defaultdict(list)
        for zone, contract, payload, day in self.events:
            if contract == "ai.usage.events":
                groups[zone, day, payload["model_name"]].append(payload)
        out = {}
        for key, calls in groups.items():
            done = [c for c in calls if c["event_type"] == "ai_request_completed"]
            totals = (sum(c[name] for c in done) for name in ("input_tokens", "output_tokens"))
            cost = sum((Decimal(c["cost_usd"]) for c in done), Decimal())
            out[key] = (len(calls), len(calls) - len(done), *totals, cost, mean([c["latency_ms"] for c in done]))
        return out

    def mart_ai_features(self) -> dict:
        calls = [(zone, day, p) for zone, contract, p, day in self.events if contract == "ai.usage.events"]
        asked = Counter((zone, day, p["ai_feature"]) for zone, day, p in calls)
        failed = Counter((zone, day, p["ai_feature"]) for zone, day, p in calls if p["event_type"] == "ai_request_failed")
        return {key: (count, failed[key]) for key, count in asked.items()}

    def takes(self) -> list[dict]:
        """Zone, hour and day of the first step, and the newest step of each kind."""
        by_take = defaultdict(list)
        for zone, contract, payload, _ in self.events:
            if contract in PRACTICE[:2]:
                by_take[contract, payload["practice_id"]].append((zone, payload))
        made = []
        for (contract, _), steps in by_take.items():
            steps.sort(key=lambda step: step[1]["occurred_at"])
            zone, first = steps[0]
            told = {key: value for _, payload in steps for key, value in payload.items()}
            began = datetime.fromisoformat(first["occurred_at"])
            hour = began.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
            outcome = told["event_type"].split("_")[1]
            made.append({**told, "contract": contract, "zone": zone, "on": business_day(began), "hour": hour, "outcome": outcome})
        return made

    def fact_kzone_voice(self) -> dict:
        hours = self._practised(PRACTICE[0], ("zone", "hour", "on"), ("accuracy_score", "prosody_score"))
        return {key[:2]: (key[2], *values) for key, values in hours.items()}

    def fact_motion_scores(self) -> dict:
        hours = self._practised(PRACTICE[1], ("zone", "hour", "on"), ("similarity_score",))
        return {key[:2]: (key[2], *values) for key, values in hours.items()}

    def mart_kzone_voice(self) -> dict:
        return self._practised(PRACTICE[0], ("zone", "content_id", "on"), ("accuracy_score", "prosody_score"))

    def mart_kzone_motion(self) -> dict:
        return self._practised(PRACTICE[1], ("zone", "content_id", "on"), ("similarity_score",))

    def _practised(self, contract: str, by: tuple[str, ...], scores: tuple[str, ...]) -> dict:
        groups = defaultdict(list)
        for take in self.takes():
            if take["contract"] == contract:
                groups[tuple(take[name] for name in by)].append(take)
        out = {}
        for key, some in groups.items():
            outcomes = Counter(take["outcome"] for take in some)
            counts = (len(some), len({take["user_id"] for take in some}), *(outcomes[o] for o in ("scored", "failed", "discarded")))
            spent = sum(take.get("duration_ms", 0) for take in some)
            out[key] = (*counts, spent, *(mean([take[score] for take in some if score in take]) for score in scores))
        return out

    def mart_learning_progress(self) -> dict:
        first_day, groups = {}, defaultdict(list)
        for _, contract, payload, day in self.events:
            if contract == "exam.events":
                first_day[payload["attempt_id"]] = min(first_day.get(payload["attempt_id"], day), day)
        for zone, org, payload in self.answers:
            groups[zone, org, payload["skill"], first_day[payload["attempt_id"]]].append(payload)
        return {
            key: (
                len({p["user_id"] for p in some}),
                len({p["item_id"] for p in some}),
                len(some),
                sum(p["is_correct"] for p in some),
                sum(p["is_correct"] for p in some) / len(some),
                mean([p["response_time_ms"] for p in some]),
            )
            for key, some in groups.items()
        }

    def mart_campaign(self) -> dict:
        visits = defaultdict(lambda: (set(), set()))
        for zone, contract, payload, day in self.events:
            if contract == "web.behaviour.events":
                campaigns, did = visits[zone, day, payload["session_id"]]
                did.add(payload["event_type"])
                campaigns |= {payload["campaign_id"]} if "campaign_id" in payload else set()
        groups = defaultdict(list)
        for (zone, day, _), (campaigns, did) in visits.items():
            for campaign in campaigns:
                groups[zone, campaign, day].append(did)
        return {key: (len(some), *(sum(step in did for did in some) for step in STEPS[1:])) for key, some in groups.items()}

    def mart_content_trends(self) -> dict:
        views = defaultdict(list)  # zone, content, day → a visit each: who, and the stars of its last rating
        visits = defaultdict(list)
        for zone, _, payload, day in self.events:
            if "content_id" in payload and "event_type" in payload and payload["event_type"] in ("progress", "rating", "review"):
                visits[zone, payload["content_id"], day, payload["session_id"]].append(payload)
        for (*key, _), events in visits.items():
            events.sort(key=lambda e: e["occurred_at"])
            stars = [e["rating_score"] for e in events if e["event_type"] == "rating"]
            views[tuple(key)].append((events[0]["user_id"], stars[-1] if stars else None))
        out = {}
        for zone, day in {(zone, day) for zone, _, day in views}:
            contents = {content for z, content, d in views if z == zone and timedelta(0) <= day - d < timedelta(14)}
            week = {c: [v for n in range(7) for v in views.get((zone, c, day - timedelta(n)), [])] for c in contents}
            for content in contents:
                today, recent = views.get((zone, content, day), []), week[content]
                before = sum(len(views.get((zone, content, day - timedelta(n)), [])) for n in range(7, 14))
                stars = [given for _, given in recent if given is not None]
                rank = 1 + sum(len(other) > len(recent) for other in week.values())
                growth = len(recent) / before - 1 if before else None
                people = len({user for user, _ in today})
                out[zone, content, day] = (len(today), people, len(recent), before, growth, rank, len(stars), mean(stars))
        return out

    def mart_ai_quality(self) -> dict:
        groups = defaultdict(list)  # → why it failed, milliseconds, score
        for zone, contract, p, day in self.events:
            if contract == "ai.usage.events":
                reason = p.get("failure_reason")
                groups[zone, day, p["ai_feature"], p["model_name"]].append((reason, None if reason else p["latency_ms"], None))
        for take in self.takes():
            if take["outcome"] in ("scored", "failed"):
                purpose = "voice_scoring" if take["contract"] == PRACTICE[0] else "motion_scoring"
                score = take.get("accuracy_score", take.get("similarity_score"))
                groups[take["zone"], take["on"], purpose, take["model_name"]].append((take.get("failure_reason"), None, score))
        out = {}
        for key, some in groups.items():
            reasons = Counter(reason for reason, _, _ in some if reason)
            told = [reasons[name] for name in ("timeout", "refused", "overloaded", "unusable_recording")]
            latencies, scores = (sorted(row[n] for row in some if row[n] is not None) for n in (1, 2))
            ranks = [within_percent(latencies, n) for n in (50, 95)] + [within_percent(scores, n) for n in (10, 50, 90)]
            out[key] = (len(some), reasons.total(), reasons.total() / len(some), *told, *ranks)
        return out

    def mart_revenue(self) -> dict:
        bought = [(zone, day, p) for zone, _, p, day in self.events if p.get("event_type") == "purchase"]
        active = defaultdict(set)
        for zone, day, user, _, _ in self.activities:
            active[zone, day].add(user)
        amounts, out = defaultdict(Decimal), {}
        for zone, day, payload in bought:
            amounts[zone, day] += Decimal(payload["price_amount"])
        for zone, day in amounts:
            payers = [p["user_id"] for z, d, p in bought if (z, d) == (zone, day)]
            amount, month = amounts[zone, day], sum(amounts.get((zone, day - timedelta(days=n)), Decimal()) for n in range(30))
            dau, mau = (len(within(active, zone, day, n)) for n in (1, 30))
            per_user = (float(amount / dau), float(month / mau))
            out[zone, "KRW", day] = (len(payers), len(payers), 0, len(set(payers)), amount, Decimal(0), month, *per_user)
        return out

    def logins_by_type(self) -> dict:
        counts = Counter((zone, day, p["event_type"]) for zone, contract, p, day in self.events if contract == "auth.login.events")
        return {key: (count,) for key, count in counts.items()}

    def engagement_by_zone(self) -> dict:
        groups = defaultdict(list)
        for zone, day, user, contract, payload in self.activities:
            groups[zone, day].append((user, contract, payload))
        out = {}
        for key, acts in groups.items():
            web = [(user, p) for user, contract, p in acts if contract == "web.behaviour.events"]
            kinds, contracts = Counter(p["event_type"] for _, p in web), Counter(contract for _, contract, _ in acts)
            out[key] = (
                len({user for user, _, _ in acts}), len(acts), len(web), kinds["page_view"], len({(u, p["session_id"]) for u, p in web}),
                sum(p.get("dwell_ms", 0) for _, p in web), kinds["mission_complete"], kinds["purchase"],
                contracts["auth.login.events"], contracts["exam.events"], contracts["ai.usage.events"],
            )  # fmt: skip
        return out

    def practice_by_type(self) -> dict:
        groups = defaultdict(list)
        for _, contract, payload, day in self.events:
            if contract in PRACTICE:
                groups[contract, day, payload["event_type"]].append(payload)
        return {
            key: (
                len(some),
                sum(p.get("duration_ms", 0) for p in some),
                sum(round(100 * p.get("accuracy_score", p.get("similarity_score", 0))) for p in some),
            )
            for key, some in groups.items()
        }

    def fact_rows(self) -> dict:
        sittings = self.sittings()
        counts = Counter(contract for _, contract, _, _ in self.events)
        return {
            ("fact_attempts",): (len(sittings),),
            ("fact_responses",): (sum(s["answers"] for s in sittings),),
            ("fact_ai_usage",): (counts["ai.usage.events"],),
            ("fact_logins",): (counts["auth.login.events"],),
            ("fact_voice_analysis",): (sum(take["contract"] == PRACTICE[0] for take in self.takes()),),
            ("fact_motion_analysis",): (sum(take["contract"] == PRACTICE[1] for take in self.takes()),),
            ("fact_kzone_voice",): (len(self.fact_kzone_voice()),),
            ("fact_motion_scores",): (len(self.fact_motion_scores()),),
            ("fact_content_views",): (
                len(
                    {
                        (zone, p["session_id"], p["content_id"], day)
                        for zone, c, p, day in self.events
                        if c == "web.behaviour.events" and "content_id" in p
                    }
                ),
            ),
            ("fact_payments",): (0,),  # this city has no source database
            ("fact_user_engagement",): (len({(zone, day, user) for zone, day, user, _, _ in self.activities}),),
        }


def day_of(moment: str) -> date:
    return business_day(datetime.fromisoformat(moment))


def mean(values: list) -> float | None:
    return float(sum(Decimal(str(v)) for v in values) / len(values)) if values else None


def within_percent(values: list, percent: int):
    """The least value that so many of a hundred values do not exceed."""
    return next((v for v in values if 100 * sum(other <= v for other in values) >= percent * len(values)), None)


def within(active: dict, where: str, day: date, days: int) -> set:
    return set().union(*(active.get((where, day - timedelta(days=n)), set()) for n in range(days)))
