"""Which way each score is better. Imports nothing heavy."""

LOWER_IS_BETTER = frozenset({"loss", "perplexity", "bits", "mse", "mae", "nll", "cer", "wer", "mase", "wql"})
HIGHER_IS_BETTER = frozenset(
    {
        "r2",
        "accuracy",
        "macro_f1",
        "entity_f1",
        "token_accuracy",
        "exact_match",
        "exact_match_seen",
        "exact_match_longer",
        "bleu",
        "chrf",
        "bracket_f1",
        "well_formed",
    }
)
NEITHER = frozenset({"coverage", "threshold", "bias"})  # of a band that is to hold a share of the outcomes; as chosen


def better(name: str, value: float, than: float | None) -> bool:
    """Whether `value` of the score `name` beats `than`; NaN beats nothing, anything finite beats None."""
    if value != value:
        return False
    if than is None:
        return True
    return value < than if name in LOWER_IS_BETTER else value > than
