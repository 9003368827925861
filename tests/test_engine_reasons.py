"""What ONNX Runtime says of a graph that it cannot load, without the places in its source."""

from __future__ import annotations

from pathlib import Path

import pytest

from splitmask.engine.reasons import plain, why_not_loaded

GRAPH = Path("model/mask_decoder.onnx")
CODE = "[ONNXRuntimeError] : 1 : FAIL : "
# as onnxruntime 1.31 says them
CONSTRUCTOR = (
    "/onnxruntime_src/onnxruntime/core/graph/model.cc:256 onnxruntime::Model::Model(onnx::ModelProto&&, "
    "const onnxruntime::PathString&, const onnxruntime::IOnnxRuntimeOpSchemaRegistryList*, "
    "const onnxruntime::logging::Logger&, const onnxruntime::ModelOptions&) "
)
NESTED = (
    "/onnxruntime_src/onnxruntime/core/optimizer/optimizer_execution_frame.cc:74 "
    "onnxruntime::OptimizerExecutionFrame::Info::Info(const std::vector<const onnxruntime::Node*>&, "
    "const std::filesystem::__cxx11::path&, "
    "const std::function<bool(const std::__cxx11::basic_string<char>&)>&) "
)
RETURNS = (
    "/onnxruntime_src/onnxruntime/core/graph/model_load_utils.h:46 "
    "void onnxruntime::model_load_utils::ValidateOpsetForDomain("
    "const std::unordered_map<std::__cxx11::basic_string<char>, int>&, bool, const std::string&, int) "
)


@pytest.mark.parametrize("place", [CONSTRUCTOR, NESTED, RETURNS, "tensorprotoutils.cc:1534 Validate ", ""])
@pytest.mark.parametrize("reason", ["raw_data size (8188 bytes) does not match", "no kernel (of Add)"])
def test_places_in_its_source_are_left_out(place: str, reason: str) -> None:
    assert plain(f"{CODE}{place}{reason}.\n\nmore") == reason
    within = f"{CODE}Exception during initialization: {NESTED}{CODE}{place}{reason}"
    assert plain(within) == reason


def test_one_that_says_nothing_and_one_that_says_too_much() -> None:
    assert plain(" \n") == "it does not say why"
    assert len(plain("a" * 10_000)) == 300


def test_weights_whose_file_is_not_known_are_still_said_to_be_short() -> None:
    said = (
        f"{CODE}External initializer: w offset: 100 size to read: 28 given file_length: 7 are out of bounds"
    )
    line = why_not_loaded(GRAPH, b"", said)
    assert line.startswith(f"{GRAPH} does not load: its weights' file has 7 bytes of 128 or more")


def test_another_reason_is_passed_on() -> None:
    line = why_not_loaded(GRAPH, b"", f"{CODE}{CONSTRUCTOR}Load model failed")
    assert line.endswith(f"cannot load {GRAPH}: Load model failed; export or fetch the model again")


def test_of_a_failure_of_cuda_what_it_says_itself_is_kept() -> None:
    said = (
        f"{CODE}/onnxruntime_src/onnxruntime/core/providers/cuda/cuda_call.cc:129 std::conditional_t<THRW, "
        "void, common::Status> onnxruntime::CudaCall(ERRTYPE, const char*, int) [with ERRTYPE = cudaError] "
        "CUDA failure 100: no CUDA-capable device is detected ; GPU=-1 ; hostname=a ; file=b.cc ; line=280"
    )
    assert plain(said) == "CUDA failure 100: no CUDA-capable device is detected"
