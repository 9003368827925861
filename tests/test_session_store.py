"""Results on disk: what comes back, what the cap takes, what is left behind."""

from __future__ import annotations

import gc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from splitmask.errors import OutputError
from splitmask.session.choice import Output
from splitmask.session.store import ResultStore, pack_logits, unpack_logits


def smooth(seed: int, side: int = 64) -> Output:
    """A blob with soft edges, as decoders make them."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side]
    cy, cx = rng.uniform(side / 4, side * 3 / 4, 2)
    logits = 12 - np.hypot(y - cy, x - cx) + rng.normal(0, 0.3, (side, side))
    return Output(logits.astype(np.float32), rng.normal(size=32).astype(np.float32), 0.75, 2.5)


@given(arrays.arrays(np.float32, (8, 8), elements=st.floats(-1024, 1024, width=32)))
def test_logits_come_back_to_half_precision_and_keep_their_sign(logits: np.ndarray) -> None:
    back = unpack_logits(pack_logits(logits), 8)
    np.testing.assert_allclose(back, logits, rtol=2**-11, atol=1e-7)
    beyond = np.abs(logits) > 1e-7
    np.testing.assert_array_equal((back > 0)[beyond], (logits > 0)[beyond])


def test_a_result_comes_back() -> None:
    store = ResultStore()
    output = smooth(1)
    store.put(7, 3, output)
    back = store.get(7, 3)
    assert back is not None
    np.testing.assert_allclose(back.logits, output.logits, rtol=1e-3, atol=1e-6)
    np.testing.assert_array_equal(back.pointer, output.pointer)
    assert (back.score, back.presence) == (0.75, 2.5)
    pointer = store.pointer(7, 3)
    assert pointer is not None
    np.testing.assert_array_equal(pointer, output.pointer)
    assert store.get(7, 4) is None
    assert store.pointer(8, 3) is None
    store.close()


def test_a_later_result_replaces_an_earlier_one() -> None:
    store = ResultStore()
    store.put(1, 0, smooth(1))
    once = store.bytes_held
    store.put(1, 0, smooth(2))
    assert 0.5 * once < store.bytes_held < 1.5 * once
    back = store.get(1, 0)
    assert back is not None
    np.testing.assert_array_equal(back.logits > 0, smooth(2).logits > 0)
    store.close()


def test_results_are_dropped_one_by_one_and_by_object() -> None:
    store = ResultStore()
    for object_id in (1, 2):
        for frame in range(3):
            store.put(object_id, frame, smooth(frame))
    store.drop(1, 1)
    assert store.get(1, 1) is None
    assert store.get(1, 2) is not None
    store.drop(1)
    assert store.get(1, 2) is None
    store.drop(2)
    assert store.bytes_held == 0
    store.close()


def test_past_the_cap_the_oldest_logits_go_and_their_masks_stay() -> None:
    size = len(pack_logits(smooth(0).logits))
    store = ResultStore(cap=4 * size)
    for frame in range(20):
        store.put(1, frame, smooth(frame))
        assert store.bytes_held <= 4 * size
    oldest, latest = store.get(1, 0), store.get(1, 19)
    assert oldest is not None
    assert latest is not None
    assert set(np.unique(oldest.logits)) == {-10.0, 10.0}
    np.testing.assert_array_equal(oldest.logits > 0, smooth(0).logits > 0)
    np.testing.assert_array_equal(oldest.pointer, smooth(0).pointer)
    np.testing.assert_allclose(latest.logits, smooth(19).logits, rtol=1e-3, atol=1e-6)
    store.close()


def test_the_folder_goes_with_the_store(tmp_path: Path) -> None:
    store = ResultStore(tmp_path)
    store.put(1, 0, smooth(0))
    assert len(list(tmp_path.iterdir())) == 1
    store.close()
    assert not list(tmp_path.iterdir())
    forgotten = ResultStore(tmp_path)
    forgotten.put(1, 0, smooth(0))
    del forgotten
    gc.collect()
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    missing = tmp_path / "nowhere"
    with pytest.raises(OutputError, match="nowhere"):
        ResultStore(missing)
