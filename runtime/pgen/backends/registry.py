"""The names of devices: what ``--device`` takes, and what to install for each."""

from pgen.errors import DeviceUnavailable

ENGINE = "engine"
"""TensorRT itself, on the engines that ``pgexport --tensorrt`` built into the bundle."""

RTX = "tensorrt-rtx"
"""ONNX Runtime's plug-in for GeForce RTX, a package of its own with its libraries inside."""

OPENVINO = "openvino"
"""OpenVINO on the CPU, in bf16 where the CPU computes in it, otherwise in float32."""

OPENVINO_F32 = "openvino-f32"
"""OpenVINO on the CPU, in float32."""

PROVIDERS = {
    "cpu": ["CPUExecutionProvider"],
    "cuda": ["CUDAExecutionProvider"],
    "tensorrt": ["TensorrtExecutionProvider", "CUDAExecutionProvider"],
    RTX: ["NvTensorRTRTXExecutionProvider"],
}
"""ONNX Runtime's providers for each device that it runs."""

DEVICES = ("auto", *PROVIDERS, OPENVINO, OPENVINO_F32, ENGINE)
"""What can be asked for; auto is explained in :func:`pgen.backends.auto.choose`."""

MENDS = {
    "cpu": "install 'pokegan[cpu]'",
    "cuda": "install 'pokegan[gpu]' and a driver, or use --device cpu",
    # ONNX Runtime's provider links libnvinfer.so.10.
    "tensorrt": "install 'pokegan[gpu]' 'tensorrt<11' and a driver, or use --device cuda or cpu",
    RTX: "install 'pokegan[cpu,tensorrt-rtx]' and a driver on a machine with an RTX GPU, or use --device cpu",
    OPENVINO: "install 'pokegan[openvino]', or use --device cpu",
    OPENVINO_F32: "install 'pokegan[openvino]', or use --device cpu",
    ENGINE: "install 'pokegan[tensorrt]' and a driver on a machine with an NVIDIA GPU, or use --device cpu",
}
"""What to do where a device is not to be had."""

WORDS = {
    "cpu": "ONNX Runtime on the CPU",
    "cuda": "ONNX Runtime on CUDA",
    "tensorrt": "ONNX Runtime's TensorRT provider",
    RTX: "ONNX Runtime's plug-in for RTX GPUs",
    OPENVINO: "OpenVINO on the CPU",
    OPENVINO_F32: "OpenVINO on the CPU, in float32",
    ENGINE: "TensorRT's engines",
}
"""What each name means, in words."""


def unavailable(device: str, reason: str) -> DeviceUnavailable:
    """Make the error that tells why `device` is not to be had, and what to do."""
    return DeviceUnavailable(f"device {device}: not available ({reason}); {MENDS[device]}")
