"""Weights, outputs and gradients of PyTorch models, which the tests of `convert` compare with.

    python make_torch.py FOLDER      (torch, torchvision, safetensors)

resnet.safetensors       a torchvision-style ResNet-18 of width 4 with 5 classes, weights in bfloat16
sequential-T.safetensors an nn.Sequential, weights in T: bfloat16, float16, float32
values.safetensors       inputs in bfloat16 (exact in every type); outputs of the models in evaluation
                         mode, and the gradient of one's sum, computed in float64 from the very values
                         that the files hold. The gradient is flat, module after module, with zeros
                         where running_mean and running_var are.

example-*                what docs/examples/train_in_pytorch.py writes
"""

import sys

import torch
from safetensors.torch import save_file
from torch import nn
from torchvision.models.resnet import BasicBlock


class SmallResNet(nn.Module):
    """torchvision's ResNet-18 with its names, a sixteenth as wide."""

    def __init__(self, width=4, classes=5):
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        channels = width
        for stage in range(4):
            planes, stride = width << stage, 1 if stage == 0 else 2
            down = None
            if stage > 0:
                down = nn.Sequential(
                    nn.Conv2d(channels, planes, 1, stride=stride, bias=False),
                    nn.BatchNorm2d(planes))
            blocks = nn.Sequential(
                BasicBlock(channels, planes, stride, down), BasicBlock(planes, planes))
            setattr(self, f"layer{stage + 1}", blocks)
            channels = planes
        self.fc = nn.Linear(channels, classes)

    def forward(self, x):
        x = self.maxpool(torch.relu(self.bn1(self.conv1(x))))
        for stage in range(4):
            x = getattr(self, f"layer{stage + 1}")(x)
        return self.fc(x.mean((2, 3)))


def sequential():
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.SiLU(),
        nn.Conv2d(8, 8, 3, padding=1, groups=8, bias=False), nn.BatchNorm2d(8),
        nn.GELU(approximate="tanh"), nn.MaxPool2d(3, stride=2, padding=1),
        nn.Conv2d(8, 12, 3, groups=4), nn.SiLU(), nn.Flatten(), nn.Linear(48, 32), nn.SiLU(),
        nn.Linear(32, 10))


def started(model, dtype, seed):
    """Evaluation mode, statistics and gains as if trained, values rounded to `dtype`."""
    generator = torch.Generator().manual_seed(seed)
    state = model.state_dict()
    for name, value in state.items():
        if name.endswith("num_batches_tracked"):
            value.fill_(100)
            continue
        draw = torch.randn(value.shape, generator=generator)
        norm = name.removesuffix(name.split(".")[-1]) + "running_mean" in state
        if name.endswith("running_var"):
            value.copy_(torch.exp(0.5 * draw))
        elif name.endswith("running_mean") or (norm and name.endswith("bias")):
            value.copy_(0.3 * draw)
        elif norm:
            value.copy_(1 + 0.2 * draw)
        elif name.endswith("bias"):
            value.copy_(0.1 * draw)
        else:
            value.copy_(draw * (2 / value[0].numel()) ** 0.5)
    stored = {
        name: value if value.dtype == torch.int64 else value.to(dtype)
        for name, value in state.items()
    }
    model.double().eval()
    model.load_state_dict(stored)
    return stored


def gradient(model, outputs):
    parameters = dict(model.named_parameters())
    parts = torch.autograd.grad(outputs.sum(), list(parameters.values()))
    parts = dict(zip(parameters, parts))
    return torch.cat([
        parts[name].flatten() if name in parts else torch.zeros(value.numel(), dtype=torch.float64)
        for name, value in model.state_dict().items() if not name.endswith("num_batches_tracked")
    ])


def main(folder):
    torch.set_num_threads(1)
    values = {}
    generator = torch.Generator().manual_seed(1)

    def inputs(*shape):
        return (torch.randn(shape, generator=generator)).to(torch.bfloat16)

    model = SmallResNet()
    save_file(started(model, torch.bfloat16, 2), f"{folder}/resnet.safetensors")
    x = inputs(2, 3, 32, 32)
    values["resnet.inputs"] = x.flatten(1).contiguous()
    values["resnet.outputs"] = model(x.double()).detach()

    x = inputs(4, 3, 8, 8)
    values["sequential.inputs"] = x.flatten(1).contiguous()
    for dtype in [torch.bfloat16, torch.float16, torch.float32]:
        name = str(dtype).split(".")[1]
        model = sequential()
        save_file(started(model, dtype, 3), f"{folder}/sequential-{name}.safetensors")
        outputs = model(x.double())
        values[f"sequential.{name}.outputs"] = outputs.detach()
        if dtype == torch.float32:
            values["sequential.gradient"] = gradient(model, outputs)
    save_file(values, f"{folder}/values.safetensors")


main(sys.argv[1])
