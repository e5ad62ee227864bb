"""Tonight's training as it runs today: model, order of the rows, one step, the published file.

It knows nothing of clouds, checkpoints or interruptions.
"""

from __future__ import annotations

import csv
import json
import os
import random
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

ROWS, BATCH, EPOCHS = 6400, 64, 4
STEPS = EPOCHS * ROWS // BATCH  # 400; on this bench one step stands for two seconds
FEATURES = 12
WEATHER = slice(4, 8)  # temperature, wind, rain, snow


class Feed:
    """Rows by number: from the feature service at LARKMOOR_ROWS, else from rows.csv next to us."""

    def __init__(self) -> None:
        address = os.environ.get("LARKMOOR_ROWS")
        self.service = HTTPConnection(urlsplit(address).netloc, timeout=60) if address else None
        self.table = None if address else read_table(Path(__file__).with_name("rows.csv"))

    def __call__(self, ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the features and the outcome of these rows. A row asked for is a row paid for."""
        if self.service is None:
            rows = self.table[ids]
        else:
            self.service.request("GET", "/rows?ids=" + ",".join(map(str, ids)))
            body = self.service.getresponse().read()
            rows = np.frombuffer(body, dtype="<f4").reshape(len(ids), FEATURES + 1)
        return rows[:, :-1].copy(), rows[:, -1].copy()


def read_table(path: Path) -> np.ndarray:
    """Return rows.csv as an array: twelve features and the outcome."""
    with path.open(newline="") as lines:
        rows = list(csv.reader(lines))[1:]
    return np.array(rows, dtype="<f4")


class Order:
    """Which rows make the next batch: in every epoch all rows once, freshly shuffled."""

    def __init__(self, seed: int) -> None:
        self.shuffler = np.random.default_rng([seed, 1])
        self.shuffled = np.empty(0, dtype=np.int64)
        self.used = 0

    def next(self) -> np.ndarray:
        """Return the next batch of row numbers."""
        if self.used == len(self.shuffled):
            self.shuffled, self.used = self.shuffler.permutation(ROWS), 0
        self.used += BATCH
        return self.shuffled[self.used - BATCH : self.used]


class Night:
    """One night's training run. `step` changes nearly everything in here."""

    def __init__(self, seed: int, rows: Feed) -> None:
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        be_repeatable(seed)
        self.noise = np.random.default_rng([seed, 2])
        self.order = Order(seed)
        self.rows = rows
        self.model = network().to(self.device)
        self.average = AveragedModel(self.model, multi_avg_fn=get_ema_multi_avg_fn(0.95))
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=3e-3)
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(self.optimizer, 3e-3, STEPS)
        self.scaler = torch.amp.GradScaler(self.device, enabled=self.device == "cuda")
        self.done = 0

    @property
    def over(self) -> bool:
        """Whether all steps of the night are done."""
        return self.done == STEPS

    def step(self) -> None:
        """Train on the next batch."""
        x, late = self.rows(self.order.next())
        if random.random() < 0.15:  # some nights the weather report is missing
            x[:, WEATHER] = 0
        x += 0.02 * self.noise.standard_normal(x.shape, dtype=np.float32)  # scales differ by depot
        with torch.autocast(self.device, torch.float16, enabled=self.device == "cuda"):
            guess = self.model(torch.from_numpy(x).to(self.device)).squeeze(1)
        target = torch.from_numpy(late).to(self.device)
        loss = nn.functional.binary_cross_entropy_with_logits(guess.float(), target)
        self.optimizer.zero_grad()
        self.scaler.scale(loss).backward()
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.schedule.step()
        self.average.update_parameters(self.model)
        self.done += 1

    def weights(self) -> bytes:
        """Return what the depots get: the averaged model in the safetensors layout."""
        return pack(self.average.module.state_dict())


def be_repeatable(seed: int) -> None:
    """Seed every global generator; refuse kernels that may add up in another order tomorrow."""
    torch.set_num_threads(1)
    if torch.cuda.is_available():  # on a CPU, one thread is enough, and this costs a second
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(True)
    random.seed(seed)
    torch.manual_seed(seed)  # all devices


def network() -> nn.Sequential:
    """Return the delay model: how likely is this parcel late?"""
    return nn.Sequential(
        nn.BatchNorm1d(FEATURES),
        nn.Linear(FEATURES, 32), nn.ReLU(), nn.Dropout(0.2),
        nn.Linear(32, 32), nn.ReLU(), nn.Dropout(0.2),
        nn.Linear(32, 1),
    )  # fmt: skip


def pack(tensors: dict[str, torch.Tensor]) -> bytes:
    """Return tensors in the safetensors layout: length of the header, header in JSON, raw bytes.

    A reader needs no pickle, so it runs no code of the writer.
    """
    header, body = {}, bytearray()
    for name, tensor in tensors.items():
        data = tensor.detach().cpu().to(torch.float32).numpy().tobytes()
        span = [len(body), len(body) + len(data)]
        header[name] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": span}
        body += data
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + bytes(body)
