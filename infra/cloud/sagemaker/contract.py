"""What a training container finds: files below /opt/ml and SM_ variables, as documented.

The platform writes the files; in AWS the variables come from the training toolkit in the image,
here every image has them. Limit: one host, no GPUs, the loopback as its only network.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

from infra.cloud.sagemaker.containers import Container

HOST, NETWORK = "algo-1", "lo"
FOLDERS = (
    "input/config", "input/data", "model", "output/data", "output/intermediate", "code",
)


def lay_out(container: Container, asked: Mapping[str, Any]) -> None:
    """Make the folders and write the configuration of a training job."""
    container.make(*FOLDERS, *(f"input/data/{one}" for one in channels(asked)))
    container.write("input/config/hyperparameters.json", asked.get("HyperParameters", {}))
    container.write("input/config/inputdataconfig.json", input_config(asked))
    container.write("input/config/resourceconfig.json", resource_config(asked))


def channels(asked: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return a job's channels by name."""
    return {one["ChannelName"]: one for one in asked.get("InputDataConfig", ())}


def input_config(asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return inputdataconfig.json."""
    found = {}
    for name, one in channels(asked).items():
        source = one["DataSource"]["S3DataSource"]
        found[name] = {
            "TrainingInputMode": "File",
            "S3DistributionType": source.get("S3DataDistributionType", "FullyReplicated"),
            "RecordWrapperType": one.get("RecordWrapperType", "None"),
        } | ({"ContentType": one["ContentType"]} if "ContentType" in one else {})
    return found


def resource_config(asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return resourceconfig.json."""
    kind, group = asked["ResourceConfig"]["InstanceType"], "homogeneousCluster"
    return {
        "current_host": HOST, "current_instance_type": kind, "current_group_name": group,
        "hosts": [HOST], "network_interface_name": NETWORK,
        "instance_groups": [
            {"instance_group_name": group, "instance_type": kind, "hosts": [HOST]}
        ],
    }


def variables(container: Container, asked: Mapping[str, Any], job: str, arn: str) -> dict[str, str]:
    """Return the environment of a training container besides its credentials."""
    settings = {k: _value(v) for k, v in asked.get("HyperParameters", {}).items()}
    own = {k: v for k, v in settings.items() if not k.startswith("sagemaker_")}
    config, resources = input_config(asked), resource_config(asked)
    dirs = {name: container.sees("input/data", name) for name in config}
    found: dict[str, Any] = {
        "MODEL_DIR": container.sees("model"), "INPUT_DIR": container.sees("input"),
        "INPUT_CONFIG_DIR": container.sees("input/config"), "OUTPUT_DIR": container.sees("output"),
        "OUTPUT_DATA_DIR": container.sees("output/data"),
        "OUTPUT_INTERMEDIATE_DIR": container.sees("output/intermediate"),
        "CHANNELS": sorted(config), "HPS": own, "USER_ARGS": arguments(own),
        "CURRENT_HOST": HOST, "HOSTS": [HOST], "NUM_GPUS": 0, "NUM_CPUS": os.cpu_count() or 1,
        "LOG_LEVEL": 20, "NETWORK_INTERFACE_NAME": NETWORK, "RESOURCE_CONFIG": resources,
        "INPUT_DATA_CONFIG": config, "CURRENT_INSTANCE_TYPE": resources["current_instance_type"],
        **{f"CHANNEL_{name.upper()}": path for name, path in dirs.items()},
        **{f"HP_{name.upper()}": value for name, value in own.items()},
    }
    if "sagemaker_program" in settings:
        program = str(settings["sagemaker_program"])
        found["USER_ENTRY_POINT"] = program
        found["MODULE_NAME"] = program.removesuffix(".py")
        found["MODULE_DIR"] = str(settings.get("sagemaker_submit_directory", ""))
    found["TRAINING_ENV"] = _training_env(found, dirs, own, job)
    texts = {
        f"SM_{k}": v if isinstance(v, str) else json.dumps(v, separators=(",", ":"))
        for k, v in found.items()
    }
    return {**texts, "TRAINING_JOB_NAME": job, "TRAINING_JOB_ARN": arn,
            **asked.get("Environment", {})}


def _training_env(
    found: Mapping[str, Any], dirs: Mapping[str, str], own: Mapping[str, Any], job: str
) -> dict[str, Any]:
    names = (
        "MODEL_DIR", "INPUT_DIR", "INPUT_CONFIG_DIR", "OUTPUT_DIR", "OUTPUT_DATA_DIR",
        "OUTPUT_INTERMEDIATE_DIR", "CURRENT_HOST", "HOSTS", "NUM_GPUS", "NUM_CPUS", "LOG_LEVEL",
        "NETWORK_INTERFACE_NAME", "RESOURCE_CONFIG", "INPUT_DATA_CONFIG", "MODULE_NAME",
        "MODULE_DIR", "USER_ENTRY_POINT",
    )
    env = {name.lower(): found[name] for name in names if name in found}
    return env | {
        "channel_input_dirs": dict(dirs), "hyperparameters": dict(own), "job_name": job,
        "is_master": True, "master_hostname": HOST, "additional_framework_parameters": {},
    }


def arguments(settings: Mapping[str, Any]) -> list[str]:
    """Return hyperparameters as a script's arguments, by name."""
    found = []
    for name, value in sorted(settings.items()):
        found += [f"-{name}" if len(name) == 1 else f"--{name}",
                  value if isinstance(value, str) else json.dumps(value)]
    return found


def _value(text: str) -> Any:
    """Return what a hyperparameter means: JSON where it is some, else the text."""
    try:
        return json.loads(text)
    except ValueError:
        return text
