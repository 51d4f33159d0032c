"""Questions in SQL over a shop's own part of the lake.

Promise: a question sees the rows of its shop and nothing else, changes nothing, and ends within its limits; it is worked
on in a process of its own that holds those rows and can open no file and no connection; who asked what stays on record.

    question = await analysis.ask(tx, shop_id=shop.id, person_id=person.id, sql="SELECT count(*) FROM events", days=31)
    await analysis.answer(tx, shop_id=shop.id, question_id=question.id)    # once a worker has done it
"""

from shopfloor.analysis.jobs import ANSWER, OfShop, answer_next
from shopfloor.analysis.models import (
    DAYS,
    MOST_EVENTS,
    MOST_ROWS,
    MOST_SQL,
    Answer,
    BadQuestion,
    Problem,
    Question,
    State,
    StillRunning,
    UnknownQuestion,
)
from shopfloor.analysis.service import answer, ask, cancel, forget, parquet, question, questions

__all__ = [
    "ANSWER",
    "DAYS",
    "MOST_EVENTS",
    "MOST_ROWS",
    "MOST_SQL",
    "Answer",
    "BadQuestion",
    "OfShop",
    "Problem",
    "Question",
    "State",
    "StillRunning",
    "UnknownQuestion",
    "answer",
    "answer_next",
    "ask",
    "cancel",
    "forget",
    "parquet",
    "question",
    "questions",
]
