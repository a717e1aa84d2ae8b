"""Trains a small network on the digits 0 to 4 in PyTorch and exports it.

    python docs/examples/train_in_pytorch.py FOLDER   (torch, scikit-learn, safetensors, numpy)

Writes model.safetensors, and inputs.npy and outputs.npy: 20 digits of the test part with the model's
outputs. docs/importing.md says how to go on.
"""

import sys

import numpy
import torch
from safetensors.torch import save_file
from sklearn.datasets import load_digits
from torch import nn

folder = sys.argv[1]
torch.manual_seed(0)
torch.set_num_threads(1)

# As `--data digits --classes 0,1,2,3,4`: every fifth digit is for testing, pixels are divided by 16.
images, labels = load_digits(return_X_y=True)
images = torch.tensor(images / 16, dtype=torch.float32).reshape(-1, 1, 8, 8)
labels = torch.tensor(labels)
test = torch.arange(len(labels)) % 5 == 0
known = labels < 5

model = nn.Sequential(
    nn.Conv2d(1, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2),
    nn.Conv2d(8, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.SiLU(),
    nn.Flatten(), nn.Linear(256, 5))
x, y = images[known & ~test], labels[known & ~test]
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
for epoch in range(15):
    for batch in torch.randperm(len(x)).split(32):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x[batch]), y[batch]).backward()
        optimizer.step()

# Batch normalization with its running statistics, as it is used from here on.
model.eval()
x, y = images[known & test], labels[known & test]
with torch.no_grad():
    outputs = model(x)
print(f"accuracy on {len(y)} digits: {(outputs.argmax(1) == y).float().mean():.4f}")
save_file(model.state_dict(), f"{folder}/model.safetensors")
numpy.save(f"{folder}/inputs.npy", x[:20].flatten(1).numpy())
numpy.save(f"{folder}/outputs.npy", outputs[:20].numpy())
