"""Ranking and its measures against worked values, brute force, torchmetrics and chance."""

import tracemalloc

import numpy as np
import pytest
import torch
from torchmetrics.functional.retrieval import retrieval_average_precision, retrieval_hit_rate

from rnnha.scoring import ranking
from rnnha.scoring.ranking import cmc, evaluate

# Ranks of the good matches, AP by rectangle, AP by trapezoid; worked by hand.
WORKED = [
    ({1, 2, 4, 7}, 0.8304, 0.8110),
    ({1, 3}, 0.8333, 0.7917),
    ({3, 4}, 0.4167, 0.2917),
    ({2}, 0.5, 0.25),
    ({10}, 0.1, 0.05),
]


def official(distances, query_ids, gallery_ids, query_cameras, gallery_cameras):
    """The VeRi authors' script in plain Python: stable sort, junk passed over, trapezoid AP;
    and the rectangle beside it."""
    rectangle, trapezoid, first = [], [], []
    for q, row in enumerate(distances):
        same = [gallery_ids[g] == query_ids[q] for g in range(len(row))]
        junk = [same[g] and gallery_cameras[g] == query_cameras[q] for g in range(len(row))]
        ranking = [g for g in sorted(range(len(row)), key=row.__getitem__) if not junk[g]]
        n_good = sum(same[g] for g in ranking)
        ap = area = found = old_recall = 0.0
        old_precision, rank_of_first = 1.0, 0
        for rank, g in enumerate(ranking, start=1):
            if same[g]:
                found += 1
                ap += found / rank / n_good
                rank_of_first = rank_of_first or rank
            if n_good:
                recall, precision = found / n_good, found / rank
                area += (recall - old_recall) * (old_precision + precision) / 2
                old_recall, old_precision = recall, precision
        rectangle.append(ap if n_good else np.nan)
        trapezoid.append(area if n_good else np.nan)
        first.append(rank_of_first)
    return np.array(rectangle), np.array(trapezoid), np.array(first)


def random_case(seed, n_query=40, n_gallery=150, n_ids=12, n_cameras=4):
    rng = np.random.default_rng(seed)
    return (
        rng.integers(0, n_ids, n_query),
        rng.integers(0, n_ids - 1, n_gallery),
        rng.integers(0, n_cameras, n_query),
        rng.integers(0, n_cameras, n_gallery),
    )


@pytest.mark.parametrize(("ranks", "rectangle", "trapezoid"), WORKED)
def test_worked_values(ranks, rectangle, trapezoid):
    ids = [1 if rank in ranks else 2 for rank in range(1, 13)]
    scores = evaluate(None, None, [1], ids, distances=np.arange(12.0)[None])
    assert scores.ap[0] == pytest.approx(rectangle, abs=5e-5)
    assert scores.ap_trapezoid[0] == pytest.approx(trapezoid, abs=5e-5)
    assert scores.first_rank[0] == min(ranks)


def test_junk_takes_no_rank():
    # Nearest first: junk, other, good, junk, other, good. Without the junk: ranks 2 and 4.
    scores = evaluate(
        None,
        None,
        [7],
        [7, 3, 7, 7, 3, 7],
        [1],
        [1, 1, 2, 1, 2, 3],
        distances=[[0.0, 1, 2, 3, 4, 5]],
    )
    assert scores.first_rank[0] == 2
    assert scores.ap[0] == pytest.approx((1 / 2 + 2 / 4) / 2)


@pytest.mark.parametrize("levels", [2, 5, 1000])
def test_equals_the_official_order_with_and_without_ties(levels, monkeypatch):
    labels = random_case(levels)
    distances = np.random.default_rng(1).integers(-levels, levels, (40, 150)) / 7
    distances[:, -1] = -0.0  # must tie with the zeros before it
    monkeypatch.setattr(ranking, "BLOCK", 1000)  # several blocks, the last one shorter
    scores = evaluate(None, None, *labels, distances=distances, ties="gallery")
    for found, expected in zip(scores, official(distances.tolist(), *labels), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_embeddings_are_ranked_by_euclidean_distance_of_unit_vectors():
    labels = random_case(3)
    rng = np.random.default_rng(3)
    query, gallery = rng.normal(size=(40, 8)), rng.normal(size=(150, 8))
    unit = [x / np.linalg.norm(x, axis=1, keepdims=True) for x in (query, gallery)]
    distances = np.linalg.norm(unit[0][:, None] - unit[1][None], axis=2)
    expected = official(distances.tolist(), *labels)
    scaled = gallery * rng.uniform(0.1, 10, (150, 1))  # length says nothing
    np.testing.assert_allclose(evaluate(query, scaled, *labels).ap, expected[0], rtol=1e-9)
    np.testing.assert_allclose(
        ranking.euclidean(*(x.astype("f4") for x in unit)), distances, atol=1e-5
    )


def test_agrees_with_torchmetrics():
    rng = np.random.default_rng(4)
    distances = rng.random((30, 80))
    query_ids, gallery_ids = np.arange(30) % 5, np.arange(80) % 5
    scores = evaluate(None, None, query_ids, gallery_ids, distances=distances)
    for row, query_id in enumerate(query_ids):
        # torchmetrics drops targets whose score is not positive: shift them above zero.
        likeness = torch.tensor(2 - distances[row])
        target = torch.tensor(gallery_ids == query_id)
        expected = float(retrieval_average_precision(likeness, target))
        assert scores.ap[row] == pytest.approx(expected, rel=1e-5)
        for k in (1, 5):
            hit = float(retrieval_hit_rate(likeness, target, top_k=k))
            assert (scores.first_rank[row] <= k) == bool(hit)


@pytest.mark.parametrize("constant", [0.0, 1.0])
def test_constant_embeddings_score_like_chance(constant):
    n, good, dim = 60, 6, 16
    ids = np.repeat(np.arange(n // good), good)  # as a list sorted by vehicle would have it
    names = [f"{i}.jpg" for i in range(n)]
    rank = np.arange(1, n + 1)
    expected = np.mean((1 + (rank - 1) * (good - 1) / (n - 1)) / rank)  # over all permutations
    found = [
        evaluate(
            np.full((10, dim), constant),
            np.full((n, dim), constant),
            np.arange(10),
            ids,
            gallery_names=names,
            seed=seed,
        )
        for seed in range(100)
    ]
    aps = np.array([scores.ap.mean() for scores in found])
    assert aps.mean() == pytest.approx(expected, abs=4 * aps.std() / 10)
    first = np.mean([(scores.first_rank == 1).mean() for scores in found])
    assert first == pytest.approx(good / n)  # one identity is always first, the nine others never


def test_gallery_order_changes_nothing_when_images_have_names():
    query_ids, gallery_ids, *cameras = random_case(5, n_gallery=300)
    rng = np.random.default_rng(5)
    gallery = rng.normal(size=(300, 64)).astype(np.float32)
    gallery[100:] = gallery[rng.integers(0, 100, 200)]  # duplicates of other vehicles' images
    query = gallery[rng.integers(0, 300, 40)]
    names = np.array([f"{i:04}.jpg" for i in range(300)])
    given = rng.integers(0, 4, (40, 300))

    def run(order, **options):
        return evaluate(
            query,
            gallery[order],
            query_ids,
            gallery_ids[order],
            cameras[0],
            cameras[1][order],
            gallery_names=names[order],
            **options,
        )

    straight, shuffled = np.arange(300), rng.permutation(300)
    for a, b in (
        (run(straight), run(shuffled)),
        (run(straight, distances=given), run(shuffled, distances=given[:, shuffled])),
    ):
        for left, right in zip(a, b, strict=True):
            np.testing.assert_array_equal(left, right)
    # The ties matter here: another permutation of them gives other scores.
    assert (run(straight).ap != run(straight, seed=1).ap).any()
    assert (run(straight, ties="gallery").ap != run(shuffled, ties="gallery").ap).any()


def test_query_without_good_match_is_left_out_not_scored_zero():
    scores = evaluate(
        None, None, [1, 2, 3], [1, 3], [0, 0, 0], [0, 1], distances=[[0, 1], [0, 1], [0, 1]]
    )  # 1: junk only; 2: absent; 3: second
    assert np.isnan(scores.ap[:2]).all() and np.isnan(scores.ap_trapezoid[:2]).all()
    assert scores.first_rank.tolist() == [0, 0, 2]
    assert scores.ap[2] == 0.5
    assert cmc(scores.first_rank, 3).tolist() == [0, 1, 1]


def test_cmc_counts_the_first_match():
    np.testing.assert_allclose(cmc([1, 3, 0, 2, 9], 4), [0.25, 0.5, 0.75, 0.75])
    assert np.isnan(cmc([0, 0], 2)).all()


def test_distances_may_come_in_blocks(monkeypatch):
    labels = random_case(6)
    distances = np.random.default_rng(6).random((40, 150))
    monkeypatch.setattr(ranking, "BLOCK", 999)
    asked = []

    def block(rows):
        asked.append(rows)
        return distances[rows]

    whole = evaluate(None, None, *labels, distances=distances)
    np.testing.assert_array_equal(evaluate(None, None, *labels, distances=block).ap, whole.ap)
    assert [row for rows in asked for row in range(40)[rows]] == list(range(40))
    assert len(asked) > 5


def test_infinite_distance_is_the_last_rank():
    scores = evaluate(None, None, [1], [1, 2, 3], distances=[[np.inf, -np.inf, 5]])
    assert scores.first_rank[0] == 3


def test_memory_stays_far_below_the_distance_matrix():
    n = 6000
    query = np.random.default_rng(7).normal(size=(n, 4)).astype(np.float32)
    ids = np.arange(n) % 500
    tracemalloc.start()
    evaluate(query, query, ids, ids)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 0.35 * n * n * 4


def test_bad_input_is_named():
    good = np.ones((3, 2), np.float32)
    bad = good.copy()
    bad[1, 0] = np.nan
    names = ["a.jpg", "b.jpg", "c.jpg"]
    for query, gallery in ((bad, good), (good, bad)):
        with pytest.raises(ValueError, match=r"b\.jpg.*NaN"):
            evaluate(query, gallery, [1, 2, 3], [1, 2, 3], query_names=names, gallery_names=names)
    with pytest.raises(ValueError, match="query 1 .*NaN"):
        evaluate(None, None, [1, 2, 3], [1, 2], distances=bad)
    for arguments, message in [
        ((good, good, [1, 2], [1, 2, 3]), "query embeddings: found 3, expected 2"),
        ((good, good, [1, 2, 3], [1, 2]), "gallery embeddings: found 3, expected 2"),
        ((good, good[:, :1], [1, 2, 3], [1, 2, 3]), "shape"),
        ((good, good, [1, 2, 3], [1, 2, 3], [1, 1, 1]), "one side only"),
        ((None, None, [1], [1]), "or distances"),
    ]:
        with pytest.raises(ValueError, match=message):
            evaluate(*arguments)
    with pytest.raises(ValueError, match="shape of the distances"):
        evaluate(None, None, [1], [1, 2], distances=[[1.0]])
    with pytest.raises(ValueError, match='"seeded" or "gallery"'):
        evaluate(good, good, [1, 2, 3], [1, 2, 3], ties="lucky")
