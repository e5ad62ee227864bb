"""The life of a training job: downloads, the program, signals, restarts, uploads, figures, bill.

One thread a job; whatever goes wrong becomes the job's FailureReason. Limit: machines are there at
once; spot capacity comes back as soon as it was taken.
"""

from __future__ import annotations

import contextlib
import math
import os
import shlex
import signal
import threading
import traceback
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from infra.cloud.broker import BrokerError
from infra.cloud.inside import Inside
from infra.cloud.sagemaker import contract, trees
from infra.cloud.sagemaker.containers import Container
from infra.cloud.sagemaker.images import Image
from infra.cloud.sagemaker.journal import Journal
from infra.cloud.sagemaker.places import Mirror, PlaceError, Places, split
from infra.cloud.usage import Usage

if TYPE_CHECKING:
    from infra.cloud.broker import Running
    from infra.cloud.sagemaker.training import TrainingJob

GROUP = NAMESPACE = "/aws/sagemaker/TrainingJobs"
GRACE = 120.0  # seconds of the cloud's clock between SIGTERM and SIGKILL
SPOT_SHARE = 0.3  # of the price: what this cloud bills for a second on spot capacity
LONGEST_REASON = 1024
_LOOK = 0.2  # seconds between two looks at a running program
_MEMORY = (
    "ClientError: Please use an instance type with more memory, or reduce the size of training"
    " data processed on an instance."
)


class Ended(Exception):
    """A job has come to its end before its program did: status, secondary status, reason."""

    def __init__(self, status: str, secondary: str, reason: str = "") -> None:
        super().__init__(reason)
        self.status, self.secondary, self.reason = status, secondary, reason


def begin(inside: Inside, job: TrainingJob, image: Image) -> None:
    """Run a job in a thread of its own."""
    threading.Thread(target=Life(inside, job, image).run, daemon=True, name=job.name).start()


def training_time(job: TrainingJob) -> int:
    """Return the seconds in which the job's program ran, whole ones, at least one."""
    return max(1, math.ceil(job.spent)) if job.began else 0


def billable_time(job: TrainingJob) -> int:
    """Return the seconds to pay for: a share of them on spot capacity, all otherwise."""
    seconds = training_time(job)
    return math.floor(seconds * SPOT_SHARE) if job.spot else seconds


class Life:
    """One job, from its first download to its last record."""

    def __init__(self, inside: Inside, job: TrainingJob, image: Image) -> None:
        self.inside, self.job, self.image = inside, job, image
        self.clock = inside.clock
        stream = f"{job.name}/algo-1-{int(self.clock.now())}"
        self.journal = Journal(
            inside, GROUP, stream, lambda line: job.figures.look(line, self.clock.now())
        )

    def run(self) -> None:
        """Live."""
        try:
            status, secondary, reason = self._attempts()
        except Ended as end:
            status, secondary, reason = end.status, end.secondary, end.reason
        except (PlaceError, BrokerError) as error:
            status, secondary, reason = "Failed", "Failed", str(error)
        except Exception as error:  # our own fault must end the job, not leave it running for ever
            traceback.print_exc()
            status, secondary = "Failed", "Failed"
            reason = f"InternalServerError: {type(error).__name__}: {error}"
        self._finish(status, secondary, reason[:LONGEST_REASON])

    def _attempts(self) -> tuple[str, str, str]:
        """Run the program, again after each interruption; return how the job ended."""
        while True:
            self.job.attempts += 1
            with contextlib.closing(
                Container(self.inside, self.image, self.job.asked["RoleArn"], self._kind())
            ) as container:
                outcome = Attempt(self, container).run()
            if outcome is not None:
                return outcome
            self.move("Interrupted", "Training job interrupted: spot capacity was taken back")
            self._patient()
            self.move("Starting", "Preparing the instances for training")

    def move(self, secondary: str, message: str) -> None:
        """Go on to another secondary status, unless the job is being stopped."""
        with self.inside.door.lock:
            if not self.job.asked_to_stop:
                self.job.move(secondary, message, self.clock.now())

    def _kind(self) -> str:
        return str(self.job.asked["ResourceConfig"]["InstanceType"])

    def _patient(self) -> None:
        if self.clock.now() - self.job.created > self.job.patience:
            raise Ended("Stopped", "MaxWaitTimeExceeded")
        if self.job.asked_to_stop:
            raise Ended("Stopped", "Stopped")

    def _finish(self, status: str, secondary: str, reason: str) -> None:
        job, now = self.job, self.clock.now()
        messages = {
            "Completed": "Training job completed", "Failed": "Training job failed",
            "Stopped": "Training job stopped",
        }
        with contextlib.suppress(Exception):  # figures must not keep a job from ending
            job.figures.publish(self.inside, NAMESPACE, job.name)
        if job.began:
            self.inside.usage.add(Usage(
                "sagemaker", self._kind(), billable_time(job), "second", resource=job.arn,
                tags=job.labels, region=self.inside.region,
            ))
        with self.inside.door.lock:
            job.ended = now
            job.failure = reason
            job.move(secondary, messages.get(secondary, messages[status]), now)
            job.transitions[-1]["EndTime"] = now
            job.status = status


class Attempt:
    """One container of a job: the whole run, or one piece of it between interruptions."""

    def __init__(self, life: Life, container: Container) -> None:
        self.life, self.container, self.job = life, container, life.job
        self.asked: Mapping[str, Any] = life.job.asked
        self.places = Places(life.inside, self.asked["RoleArn"])
        self.mirror: Mirror | None = None
        self.why = ""  # the secondary status of a job that was told to end
        self.deadline = math.inf
        self.interrupted = 0

    def run(self) -> tuple[str, str, str] | None:
        """Return how the job ended; None when it was interrupted."""
        self.life.move("Downloading", "Downloading input data")
        contract.lay_out(self.container, self.asked)
        for name, one in contract.channels(self.asked).items():
            folder = self.container.path("input/data", name)
            self.places.download(one["DataSource"]["S3DataSource"], folder)
        self._bring_code()
        self._bring_checkpoints()
        self.life.move("Training", "Training image download completed. Training in progress.")
        began, self.interrupted = self.life.clock.now(), self.job.interruptions
        self.job.began = self.job.began or began
        try:
            code = self._watch(self._start())
        finally:
            self.job.spent += self.life.clock.now() - began
        if self.why == "Interrupted":
            return None
        return self._outcome(code)

    def _start(self) -> Running:
        specification = self.asked["AlgorithmSpecification"]
        argv = [
            *specification.get("ContainerEntrypoint", ["train"]),
            *specification.get("ContainerArguments", []),
        ]
        env = contract.variables(self.container, self.asked, self.job.name, self.job.arn)
        env["LADDER_CODE_DIR"] = self.container.sees("code")
        cpu = float(self.job.longest) * int(env["SM_NUM_CPUS"])
        return self.container.start(argv, env, cpu)

    def _watch(self, running: Running) -> int:
        """Look after the program until it has ended, then bring home what it made."""
        while (code := running.poll()) is None:
            self.job.turn.clear()
            self._told(running)
            self.life.journal.feed(running.output())
            self._send_checkpoints()
            if running.wait(0) is None:
                self.job.turn.wait(_LOOK)
        running.fetch()
        self.life.journal.feed(running.output(), last=True)
        self.life.journal.taken = 0  # the next attempt begins a new output
        self._send_checkpoints()
        return code

    def _told(self, running: Running) -> None:
        """End the program in the way that is due: asked first, killed after the grace."""
        now = self.life.clock.now()
        if not self.why:
            self.why = self._reason(now)
            if self.why:
                self.deadline = now + GRACE
                running.signal(signal.SIGTERM)
        elif now >= self.deadline:
            running.kill()

    def _reason(self, now: float) -> str:
        if self.job.asked_to_stop:
            return "Stopped"
        if now - self.job.began >= self.job.longest:
            return "MaxRuntimeExceeded"
        if now - self.job.created >= self.job.patience:
            return "MaxWaitTimeExceeded"
        return "Interrupted" if self.job.interruptions > self.interrupted else ""

    def _outcome(self, code: int) -> tuple[str, str, str]:
        running = self.container.running
        assert running is not None
        if running.reason == "cpu" and not self.why:
            self.why = "MaxRuntimeExceeded"
        if self.why:
            self._upload(model=True)
            return "Stopped", self.why, ""
        if running.reason == "memory":
            return "Failed", "Failed", _MEMORY
        if code != 0:
            self._upload(model=False)
            return "Failed", "Failed", self._failure(code)
        self.life.move("Uploading", "Uploading generated training model")
        self._upload(model=True)
        return "Completed", "Completed", ""

    def _failure(self, code: int) -> str:
        """Return FailureReason: the file that the program wrote for it, and the exit code."""
        try:
            text = trees.read(self.container.path("output"), "failure", 4 * LONGEST_REASON)
        except OSError:
            text = b""
        said = text.decode(errors="replace")[:LONGEST_REASON]
        return f"AlgorithmError: {said}, exit code: {code if code >= 0 else 128 - code}"

    # --- S3 -------------------------------------------------------------------------------------

    def _upload(self, *, model: bool) -> None:
        base = f"{self.asked['OutputDataConfig']['S3OutputPath'].rstrip('/')}/{self.job.name}"
        data = trees.pack(self.container.path("output/data"))
        if data:
            self.places.put(f"{base}/output/output.tar.gz", data)
        data = trees.pack(self.container.path("model")) if model else b""
        if data:
            self.places.put(f"{base}/output/model.tar.gz", data)
            self.job.artifacts = f"{base}/output/model.tar.gz"

    def _bring_code(self) -> None:
        """Unpack the source of a training script, where the job names one."""
        text = self.asked.get("HyperParameters", {}).get("sagemaker_submit_directory", "")
        uri = text.strip('"') if text.startswith('"') else (shlex.split(text) or [""])[0]
        if uri.startswith("s3://"):
            try:
                trees.unpack(self.places.get(*split(uri)), self.container.path("code"))
            except ValueError as error:
                raise PlaceError(f"ClientError: {uri}: {error}") from None

    def _bring_checkpoints(self) -> None:
        config = self.asked.get("CheckpointConfig")
        if not config:
            return
        local = str(config.get("LocalPath", "/opt/ml/checkpoints"))
        if not local.startswith("/opt/ml/") or ".." in local:
            raise PlaceError(f"ClientError: the emulated cloud keeps LocalPath in /opt/ml: {local}")
        folder = local.removeprefix("/opt/ml/")
        self.container.make(folder)
        self.places.restore(config["S3Uri"], self.container.path(folder))
        self.mirror = Mirror(self.places, config["S3Uri"], self.container.path(folder))

    def _send_checkpoints(self) -> None:
        if self.mirror is not None:
            running = self.container.running
            if running is not None:
                below = os.path.relpath(self.mirror.folder, self.container.folder)
                running.fetch(f"/opt/ml/{below}")
            self.mirror.send()
