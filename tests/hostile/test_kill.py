"""Kill -9: what was acknowledged is there afterwards."""

from __future__ import annotations

import random
import signal
from pathlib import Path

from tests.cli.program import open_serve

from .telephone import Telephone

SEED = 7
ROUNDS = 4
USERS = [f"u{number}" for number in range(200)]


def test_every_registration_that_was_acknowledged_survives_kill_nine(tmp_path: Path) -> None:
    dice = random.Random(SEED)
    config = tmp_path / "serve.toml"
    lines = [
        'listen = ["udp://127.0.0.1:0"]',
        f'database = "{tmp_path / "x.db"}"',
        "[users]",
        *(f'{user} = "x"' for user in USERS),
    ]
    config.write_text("\n".join(lines) + "\n")
    acknowledged: set[str] = set()
    for turn in range(ROUNDS + 1):
        with (
            open_serve("--config", str(config)) as serving,
            Telephone(serving.address) as telephone,
        ):
            telephone.learn_nonce(USERS[0])
            lost = {user for user in acknowledged if not telephone.is_registered(user, "x")}
            assert set() == lost, f"after kill number {turn}"
            if turn == ROUNDS:
                break
            fresh = [user for user in USERS if user not in acknowledged]
            for user in fresh[:50]:
                telephone.send_register(user, "x")
            wanted = dice.randint(1, 45)
            while wanted and telephone.receive(2) is not None:
                wanted -= 1
            serving.process.send_signal(signal.SIGKILL)
            serving.process.wait(10)
            # What it had sent before it died counts as well.
            telephone.receive_all(0.05)
            acknowledged |= telephone.registered
    assert len(acknowledged) >= ROUNDS
