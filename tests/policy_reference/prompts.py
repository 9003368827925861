"""prompts.json and mask_prompt.json: from pixels to what the decoder takes."""

from __future__ import annotations

from typing import Any

from policy_reference.common import Case


def tokens(case: Case) -> Case:
    h, w = case["size"]
    side = case["side"]
    corners = [] if case["box"] is None else [case["box"][:2], case["box"][2:]]
    coords = [[x / w * side, y / h * side] for x, y in corners + case["points"]]
    labels = [2, 3][: len(corners)] + case["labels"]
    return (
        {"pointCoords": coords, "pointLabels": labels}
        if coords
        else {"pointCoords": [[0, 0]], "pointLabels": [-1]}
    )


def prompt_cases() -> Case:
    def case(
        name: str, size: list[int], points: Any = (), labels: Any = (), box: Any = None, side: int = 1024
    ) -> Case:
        return {
            "name": name,
            "size": size,
            "side": side,
            "points": list(points),
            "labels": list(labels),
            "box": box,
        }

    valid = [
        case("one click", [720, 1280], [[640, 360]], [1]),
        case("corners of the frame", [720, 1280], [[0, 0], [1280, 720]], [1, 0]),
        case("portrait", [1920, 1080], [[100.5, 1900.25]], [0]),
        case("the square itself", [1024, 1024], [[3, 5]], [1]),
        case("a tiny frame", [3, 5], [[4, 1]], [1]),
        case("a box", [720, 1280], box=[100, 200, 300, 400]),
        case(
            "a box stands before the points",
            [720, 1280],
            [[200, 300], [110, 210]],
            [1, 0],
            [100, 200, 300, 400],
        ),
        case("another model's square", [480, 854], [[427, 240]], [1], side=512),
    ]
    wrong = [
        case("nothing said", [720, 1280]),
        case("right of the frame", [720, 1280], [[1280.5, 10]], [1]),
        case("above the frame", [720, 1280], [[10, -1]], [1]),
        case("not a number", [720, 1280], [[None, 10]], [1]),
        case("a label too few", [720, 1280], [[1, 1], [2, 2]], [1]),
        case("a label that does not exist", [720, 1280], [[1, 1]], [2]),
        case("a box without area", [720, 1280], box=[10, 10, 10, 40]),
        case("a box with its corners swapped", [720, 1280], box=[40, 10, 10, 40]),
        case("a box outside the frame", [720, 1280], box=[1290, 10, 1300, 40]),
    ]
    cut = case("a box dragged over the edge is cut", [720, 1280], box=[-20, 650, 100, 800])
    valid.append({**cut, **tokens({**cut, "box": [0, 650, 100, 720]})})
    return {"valid": [{**tokens(c), **c} for c in valid], "wrong": wrong}


def triangle(values: list[float], n: int) -> list[float]:
    """Antialiased linear resampling of a row, half-pixel centres."""
    scale = len(values) / n
    reach = max(scale, 1.0)
    out = []
    for i in range(n):
        centre = (i + 0.5) * scale
        weights = [max(0.0, 1 - abs(j + 0.5 - centre) / reach) for j in range(len(values))]
        out.append(sum(w * v for w, v in zip(weights, values, strict=True)) / sum(weights))
    return out


def resample(image: list[list[float]], n: int) -> list[list[float]]:
    wide = [triangle(row, n) for row in image]
    return [
        list(row)
        for row in zip(*(triangle(list(column), n) for column in zip(*wide, strict=True)), strict=True)
    ]


def mask_prompt_case(name: str, rows: list[str], side: int, weight: list[list[float]], bias: float) -> Case:
    soft = resample([[float(cell == "#") for cell in row] for row in rows], side)
    assert all(abs(v - 0.5) > 1e-3 for row in soft for v in row), f"{name}: a tie hangs on rounding"
    square = [[float(v >= 0.5) for v in row] for row in soft]
    logits = resample([[20 * v - 10 for v in row] for row in square], side // 4)
    fed = []
    for y in range(0, side, 4):
        fed.append([])
        for x in range(0, side, 4):
            inside = [weight[a][b] * square[y + a][x + b] for a in range(4) for b in range(4)]
            fed[-1].append(sum(inside) + bias)
    given = any(v for row in square for v in row)
    return {
        "name": name,
        "mask": rows,
        "side": side,
        "weight": weight,
        "bias": bias,
        "square": ["".join(".#"[int(v)] for v in row) for row in square],
        "logits": [[round(v, 5) for v in row] for row in logits],
        "pointerMaskInput": [[round(v, 5) for v in row] for row in fed],
        "presence": 10 if given else -10,
        "score": 1,
    }


def mask_prompt_cases() -> list[Case]:
    weight = [[round(0.3 * a - 0.2 * b + 0.05, 2) for b in range(4)] for a in range(4)]
    disc = [
        "".join("#" if (x - 9) ** 2 / 40 + (y - 5) ** 2 / 14 < 1 else "." for x in range(20))
        for y in range(11)
    ]
    return [
        mask_prompt_case("larger than the square", disc, 8, weight, -0.5),
        mask_prompt_case(
            "smaller than the square", ["......", ".##...", ".###..", "......", "......"], 16, weight, 0.25
        ),
        mask_prompt_case(
            "the square's own size",
            ["........", "..####..", "..####..", "..######", *["........"] * 4],
            8,
            weight,
            0.0,
        ),
        mask_prompt_case("empty", ["....", "....", "...."], 8, weight, 0.25),
    ]
