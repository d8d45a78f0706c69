"""A pretended GPU: tensors on it lie in the computer's own memory, and may not meet others.

On a CPU, a tensor that was made without a device goes unnoticed; on a GPU it ends the run. While
`FakeGpu` is entered, all calls of torch go through it: what is moved to `DEVICE` or made there is
marked, results of marked tensors are marked, and an operation on both kinds is refused as CUDA
refuses it. What CUDA allows is allowed: numbers without dimensions, indices on the CPU, and copies.
Operations that have no deterministic kernel on GPUs are refused, too, since runs ask torch for
deterministic ones alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_flatten, tree_map

DEVICE = torch.device("cuda:0")

_MOVES = (Tensor.to, Tensor.cpu, Tensor.cuda)
_TO_NUMPY = (Tensor.numpy, Tensor.__array__)
_BOTH = (Tensor.copy_, Tensor.__setitem__, torch._has_compatible_shallow_copy_type)
_DATA_SET = Tensor.data.__set__  # type: ignore[attr-defined]
_FACTS = (Tensor.device.__get__, Tensor.is_cuda.__get__)  # type: ignore[attr-defined]


_UNORDERED = {"cumsum", "cumprod", "bincount", "histc", "kthvalue", "median", "nanmedian", "put_"}
"""Operations that add numbers, or pick one, in an order that differs from call to call."""


class WrongDeviceError(RuntimeError):
    """What torch would say of tensors on two devices."""


class FakeGpu(TorchFunctionMode):
    """See above. A tensor is marked by its storage, so that its views are marked, too."""

    def __init__(self) -> None:
        super().__init__()
        self._storages: set[int] = set()

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        if func in _FACTS:
            here = self._marked(args[0])
            return (DEVICE if here else func(*args)) if func == _FACTS[0] else here
        if func in _MOVES:
            return self._moved(func, args, kwargs)
        tensors = [leaf for leaf in tree_flatten((args, kwargs))[0] if isinstance(leaf, Tensor)]
        marked = [self._marked(tensor) for tensor in tensors]
        if func in _TO_NUMPY and any(marked):
            raise WrongDeviceError("can't convert cuda:0 device type tensor to numpy")
        name = getattr(func, "__name__", "")
        if name in _UNORDERED and any(
            m and t.is_floating_point() for t, m in zip(tensors, marked, strict=True)
        ):
            raise WrongDeviceError(f"{name} does not have a deterministic implementation on GPUs")
        self._check(func, args, tensors, marked)
        asked = any(leaf == DEVICE for leaf in tree_flatten(kwargs)[0] if not _is_tensor(leaf))
        if asked:
            kwargs = tree_map(_cpu_for, kwargs)
        result = func(*args, **kwargs)
        if func == _DATA_SET:
            return result
        for tensor in _tensors(result):
            self._mark(tensor, asked or any(marked))
        return result

    def _check(
        self,
        func: Callable[..., Any],
        args: tuple[Any, ...],
        tensors: list[Tensor],
        marked: list[bool],
    ) -> None:
        if not any(marked) or all(marked) or func in _BOTH or func == _DATA_SET:
            return
        if func == Tensor.__getitem__ and self._marked(args[0]):
            return  # CUDA takes indices from the CPU
        for tensor, here in zip(tensors, marked, strict=True):
            if not here and tensor.ndim:
                raise WrongDeviceError(
                    f"{getattr(func, '__name__', func)}: expected all tensors to be on the same "
                    f"device, but found cuda:0 and cpu {tuple(tensor.shape)}"
                )

    def _moved(
        self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """A tensor on the device that it is moved to; a copy where that is another one."""
        tensor: Tensor = args[0]
        others = args[1:]
        targets = [*others, *kwargs.values()]
        was = self._marked(tensor)
        to_gpu = func == Tensor.cuda or any(map(_is_device, targets))
        to_cpu = func == Tensor.cpu or any(str(t) == "cpu" for t in targets if not _is_tensor(t))
        like = [self._marked(target) for target in targets if _is_tensor(target)]
        now = like[0] if like else to_gpu or (was and not to_cpu)
        if func == Tensor.to:
            plain = {key: _cpu_for(value) for key, value in kwargs.items()}
            tensor = func(tensor, *map(_cpu_for, others), **plain)
        if now != was:
            tensor = tensor.clone()
        self._mark(tensor, now)
        return tensor

    def _marked(self, tensor: Tensor) -> bool:
        return tensor.untyped_storage()._cdata in self._storages

    def _mark(self, tensor: Tensor, here: bool) -> None:
        storage = tensor.untyped_storage()._cdata
        (self._storages.add if here else self._storages.discard)(storage)


def _is_tensor(value: Any) -> bool:
    return isinstance(value, Tensor)


def _is_device(value: Any) -> bool:
    return isinstance(value, torch.device | str) and torch.device(value) == DEVICE


def _cpu_for(value: Any) -> Any:
    return torch.device("cpu") if not _is_tensor(value) and value == DEVICE else value


def _tensors(result: Any) -> Iterator[Tensor]:
    return (leaf for leaf in tree_flatten(result)[0] if isinstance(leaf, Tensor))
