"""Fit the two linear models to the labelled prompts, and write their weights in hundredths."""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random

import numpy as np
from labelled import Prompt, load, macro_f1, measure, spearman, typos
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GroupKFold

from cortex.routing import prompt_text

WRITTEN = Path(__file__).resolve().parents[2] / "cortex" / "routing" / "prompt_weights.json"
KINDS = ("code", "writing", "translation", "math", "extraction", "summary", "question", "chat")
SEED = 5
INVERSE_PENALTY = 10.0
"""Of the kinds' model: the larger, the closer to the prompts."""
PENALTY = 4.0
"""Of the difficulty's."""
LEAST_SEEN = 2
"""Groups in which a feature must occur to have a weight."""
LEXICAL = 4.0
"""How much larger a word's weight may be than a fact's, at the same penalty: words are many, and each is divided by a root."""
KEPT = 14_000
"""Features with the largest weights."""
OPENINGS = (
    "Hi! ", "Hello, ", "Hey, ", "Good afternoon. ", "Please, ", "Quick one: ", "Could you help me? ", "I need this: ",
    "Hola, ", "¡Hola! ", "Buenos días. ", "Por favor, ", "Oye, ", "Una cosa: ", "¿Me ayudas? ", "Necesito esto: ",
)  # fmt: skip
ENDINGS = (" Thanks!", " please", " Thank you in advance.", " Gracias.", " por favor", " Muchas gracias de antemano.")


def read_cues() -> dict[str, str]:
    """Read cues.txt: a line a sort of words, which are cut to what is compared; the first sort that has one keeps it."""
    cues: dict[str, str] = {}
    for line in (Path(__file__).parent / "cues.txt").read_text("utf-8").splitlines():
        sort, _, words = line.partition(": ")
        for word in words.split():
            cues.setdefault(word[: prompt_text.STEM], sort)
    return cues


CUES = read_cues()


def variants(prompt: Prompt, random: Random) -> list[str]:
    """Return a prompt as it is and as others would have typed it."""
    text = prompt.text
    listed = [text, text.lower(), typos(text, random, 0.12), typos(text.lower(), random, 0.3)]
    listed += [random.choice(OPENINGS) + text, random.choice(OPENINGS).lower() + typos(text, random)]
    return [*listed, text + random.choice(ENDINGS)]


class Examples:
    """Prompts with their variants as a matrix."""

    def __init__(self, prompts: Sequence[Prompt]) -> None:
        random = Random(SEED)
        self.prompts = [(prompt, text) for prompt in prompts for text in variants(prompt, random)]
        self.seen = [prompt_text.features_of(text, CUES) for _, text in self.prompts]
        groups: dict[str, set[str]] = {}
        for (prompt, _), features in zip(self.prompts, self.seen, strict=True):
            for feature in (*features.lexical, *features.shape):
                groups.setdefault(feature, set()).add(prompt.group)
        names = sorted(feature for feature, where in groups.items() if len(where) >= LEAST_SEEN)
        words = {feature for features in self.seen for feature in features.lexical}
        self.scales = np.array([LEXICAL if name in words else 1.0 for name in names])
        self.columns = {name: at for at, name in enumerate(names)}

    def matrix(self) -> csr_matrix:
        """Return a row for each text."""
        rows, columns, values = [], [], []
        for row, features in enumerate(self.seen):
            scale = LEXICAL / (len(features.lexical) or 1) ** 0.5
            for names, value in ((features.lexical, scale), (features.shape, 1.0)):
                known = sorted(self.columns[name] for name in names if name in self.columns)
                rows += [row] * len(known)
                columns += known
                values += [value] * len(known)
        return csr_matrix((values, (rows, columns)), shape=(len(self.seen), len(self.columns)))


def fit(prompts: Sequence[Prompt]) -> dict:
    """Return weights as they are stored."""
    examples = Examples(prompts)
    matrix = examples.matrix()
    kinds = [prompt.kind for prompt, _ in examples.prompts]
    hard = [prompt.difficulty for prompt, _ in examples.prompts]
    many = Counter(prompt.group for prompt, _ in examples.prompts)
    sizes = np.array([many[prompt.group] ** -0.5 for prompt, _ in examples.prompts])
    sizes *= len(sizes) / sizes.sum() / 7
    by_kind = LogisticRegression(C=INVERSE_PENALTY, max_iter=2000, class_weight="balanced").fit(matrix, kinds, sizes)
    by_rank = Ridge(PENALTY, solver="sparse_cg", tol=1e-6, random_state=SEED).fit(matrix, hard, sizes)
    order = [list(by_kind.classes_).index(kind) for kind in KINDS]
    coefficients = np.vstack([by_kind.coef_[order], by_rank.coef_]).T * examples.scales[:, None]
    bias = [*by_kind.intercept_[order], by_rank.intercept_]
    hundredths = np.rint(coefficients * 100).astype(int)
    weight = np.abs(hundredths[:, :-1]).max(axis=1) + 4 * np.abs(hundredths[:, -1])
    kept = {int(at) for at in np.argsort(-weight, kind="stable")[:KEPT] if weight[at] > 0}
    rows = {name: hundredths[at].tolist() for name, at in examples.columns.items() if at in kept}
    return {"kinds": KINDS, "bias": [round(float(value) * 100) for value in bias], "rows": rows}


def classifier(stored: dict) -> Callable[[str], tuple[str, float, float]]:
    """Return what `cortex.routing.prompt.classify` would be with these weights."""
    weights = prompt_text.Weights(stored["kinds"], stored["bias"], stored["rows"], CUES)

    def classify(text: str) -> tuple[str, float, float]:
        scores, difficulty = weights.judge(prompt_text.features_of(text, CUES))
        parts = prompt_text.shares(scores)
        return weights.kinds[parts.index(max(parts))], difficulty, max(parts)

    return classify


def cross_validate(prompts: Sequence[Prompt]) -> None:
    """Print what five folds of the training part say."""
    truth, answers = [], []
    folds = GroupKFold(5).split(prompts, groups=[prompt.group for prompt in prompts])
    for learn, ask in folds:
        classify = classifier(fit([prompts[at] for at in learn]))
        truth += [prompts[at] for at in ask]
        answers += [classify(prompts[at].text) for at in ask]
    kinds = [prompt.kind for prompt in truth]
    f1 = macro_f1(kinds, [answer[0] for answer in answers])
    rank = spearman([prompt.difficulty for prompt in truth], [answer[1] for answer in answers])
    print(f"cross-validated on {len(prompts)}: macro-F1 {f1:.3f}, rank correlation {rank:.3f}")
    wrong = Counter((prompt.kind, answer[0]) for prompt, answer in zip(truth, answers, strict=True))
    for (real, said), count in wrong.most_common():
        if real != said and count > 1:
            print(f"  {real} taken for {said}: {count}")


def report(prompts: Sequence[Prompt], classify: Callable[[str], tuple[str, float, float]]) -> None:
    """Print what the held-out part says."""
    disturbances = {
        "as typed": str,
        "with typos": lambda text: typos(text, Random(text)),
        "lower case": str.lower,
        "greeted": lambda text: f"Hey there! Hope you are well. {text}",
        "saludado": lambda text: f"Muy buenas, ¿qué tal? {text}",
        "oddly": lambda text: f"Ahoy partner! {text}",
        "con gracia": lambda text: f"Aúpa, qué onda. {text}",
    }
    print(f"held out {len(prompts)}   macro-F1   rank correlation")
    for name, disturb in disturbances.items():
        f1, rank = measure(prompts, classify, disturb)
        print(f"{name:14} {f1:8.3f} {rank:12.3f}")
    for language in ("en", "es"):
        f1, rank = measure([prompt for prompt in prompts if prompt.language == language], classify)
        print(f"{language:14} {f1:8.3f} {rank:12.3f}")


def main(*, check: bool) -> None:
    """Train and measure; write unless it is only a check."""
    prompts = load()
    learned = [prompt for prompt in prompts if not prompt.is_held_out]
    if check:
        cross_validate(learned)
        return
    stored = fit(learned)
    lines = ",\n".join(json.dumps({name: row}, separators=(",", ":"))[1:-1] for name, row in stored["rows"].items())
    head = json.dumps({"kinds": stored["kinds"], "bias": stored["bias"], "cues": CUES}, separators=(",", ":"))[:-1]
    WRITTEN.write_text(f'{head},"rows":{{\n{lines}\n}}}}\n', "utf-8")
    print(f"{len(learned)} prompts, {len(stored['rows'])} features, {WRITTEN.stat().st_size // 1000} kB")
    report([prompt for prompt in prompts if prompt.is_held_out], classifier(stored))
