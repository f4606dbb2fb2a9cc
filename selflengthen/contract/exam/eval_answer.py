"""`answers/SUBJECT.jsonl` of `synth eval`: answers to requests with a length demand."""

from selflengthen.contract.exam.answer import ExamAnswer
from selflengthen.contract.final_row import DemandPart


class EvalAnswer(ExamAnswer):
    """One answer, and how well it meets the demand."""

    query: str
    demand: DemandPart
    task_kind: str
    """Kind of text."""
    language: str
    length_score: float
    """LonGen's, from 0 to 100; 0 of a request that failed."""
    length_quality: float
    """S_l of LongBench-Write, from 0 to 100; of a range, its middle is what is asked for."""
    fault: str | None
    """The structural fault that the default profile sees."""
