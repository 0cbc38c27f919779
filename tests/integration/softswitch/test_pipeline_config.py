# SPDX-License-Identifier: Apache-2.0
"""SetForwardingPipelineConfig and GetForwardingPipelineConfig."""

import pytest
from finsy.proto import p4r

from .conftest import exact, failure, load_config

Set = p4r.SetForwardingPipelineConfigRequest
Get = p4r.GetForwardingPipelineConfigRequest
INVALID_ARGUMENT, NOT_FOUND = 3, 5
INSERT = p4r.Update.INSERT


def an_entry(session, mac: bytes = b"\1") -> p4r.Entity:
    return session.entry("l2", exact(mac), action=session.action("flood", b"\1"))


async def test_get_gives_back_what_was_set(target, clients):
    session = await clients.primary(target)
    config = load_config(cookie=0xC00C1E)
    await session.set_pipeline(config=config)
    assert (await session.get_pipeline(Get.COOKIE_ONLY)).config == p4r.ForwardingPipelineConfig(cookie=config.cookie)
    found = (await session.get_pipeline(Get.P4INFO_AND_COOKIE)).config
    assert (found.p4info, found.cookie, found.p4_device_config) == (config.p4info, config.cookie, b"")
    found = (await session.get_pipeline(Get.ALL)).config
    assert (found.p4info, found.cookie) == (config.p4info, config.cookie)


async def test_get_gives_back_the_device_config(softswitch, clients):
    session = await clients.ready(softswitch)
    assert (await session.get_pipeline()).config == session.config
    found = (await session.get_pipeline(Get.DEVICE_CONFIG_AND_COOKIE)).config
    assert found == p4r.ForwardingPipelineConfig(p4_device_config=session.config.p4_device_config)


async def test_commit_clears_and_reconcile_keeps(softswitch, clients):
    session = await clients.ready(softswitch)
    await session.write((INSERT, an_entry(session)))
    await session.set_pipeline(Set.RECONCILE_AND_COMMIT, load_config(cookie=5))
    assert len(await session.read(session.entry("l2"))) == 1
    assert (await session.get_pipeline(Get.COOKIE_ONLY)).config.cookie.cookie == 5
    await session.set_pipeline(Set.VERIFY_AND_COMMIT)
    assert await session.read(session.entry("l2")) == []


async def test_reconcile_refuses_another_config_and_keeps_everything(softswitch, clients):
    session = await clients.ready(softswitch)
    await session.write((INSERT, an_entry(session)))
    other = load_config()
    other.p4_device_config = other.p4_device_config + b" "
    assert (await failure(session.set_pipeline(Set.RECONCILE_AND_COMMIT, other))).code == INVALID_ARGUMENT
    assert len(await session.read(session.entry("l2"))) == 1


async def test_reconcile_on_an_empty_target_commits(softswitch, clients):
    session = await clients.primary(softswitch)
    await session.set_pipeline(Set.RECONCILE_AND_COMMIT)
    assert (await session.get_pipeline()).config == session.config


async def test_verify_changes_nothing(softswitch, clients):
    session = await clients.primary(softswitch)
    await session.set_pipeline(Set.VERIFY)
    assert not (await session.get_pipeline()).HasField("config")


async def test_a_saved_config_takes_writes_and_runs_from_commit_on(softswitch, clients):
    session = await clients.ready(softswitch)
    await session.write((INSERT, session.entry("l2", exact(b"\1"), action=session.action("send_counted", b"\2"))))
    await session.set_pipeline(Set.VERIFY_AND_SAVE)
    assert await session.read(session.entry("l2")) == []
    await session.write((INSERT, session.entry("l2", exact(b"\1"), action=session.action("send_counted", b"\3"))))
    frame = bytes(5) + b"\1" + bytes(8)
    softswitch.ports.inject(1, frame)
    assert softswitch.ports.received(2) == [frame]
    await session.set_pipeline(Set.COMMIT)
    softswitch.ports.inject(1, frame)
    assert softswitch.ports.received(3) == [frame]
    assert softswitch.ports.received(2) == []
    assert (await failure(session.set_pipeline(Set.COMMIT))).code == NOT_FOUND


def _widths(config: p4r.ForwardingPipelineConfig) -> None:
    config.p4info.tables[0].match_fields[0].bitwidth = 40
    config.p4info.actions[2].params[0].bitwidth = 8
    config.p4info.counters[0].preamble.name = "nowhere"


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda config: setattr(config, "p4_device_config", b""), ["p4_device_config", "empty"]),
        (lambda config: setattr(config, "p4_device_config", b"\x00\x01"), ["config"]),
        (lambda config: setattr(config, "p4_device_config", b'{"pipelines": [{'), ["config"]),
        (lambda config: setattr(config, "p4_device_config", b"{}"), ["config"]),
        (lambda config: setattr(config, "p4_device_config", b"[1, 2]"), ["config"]),
        (_widths, ["3 problems", "table l2: match field dst_mac: width", "parameter port: width", "counter nowhere"]),
    ],
)
async def test_a_bad_config_is_refused_whole_and_the_old_one_runs_on(softswitch, clients, spoil, words):
    session = await clients.ready(softswitch)
    await session.write((INSERT, an_entry(session)))
    config = load_config()
    spoil(config)
    for action in (Set.VERIFY, Set.VERIFY_AND_SAVE, Set.VERIFY_AND_COMMIT, Set.RECONCILE_AND_COMMIT):
        error = await failure(session.set_pipeline(action, config))
        assert error.code == INVALID_ARGUMENT
        assert all(word in error.message for word in words), error.message
    assert len(await session.read(session.entry("l2"))) == 1
    assert (await session.get_pipeline()).config == session.config


async def test_an_action_must_be_named_and_have_its_config(softswitch, clients):
    session = await clients.primary(softswitch)
    assert (await failure(session.set_pipeline(Set.UNSPECIFIED))).code == INVALID_ARGUMENT
    request = Set(device_id=1, election_id=session.uint128(), action=Set.VERIFY_AND_COMMIT)
    assert "config: it is not set" in (await failure(session.client.request(request))).message
    request = Set(device_id=1, election_id=session.uint128(), action=Set.COMMIT, config=session.config)
    assert (await failure(session.client.request(request))).code == INVALID_ARGUMENT
