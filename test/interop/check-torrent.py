"""Loads a torrent into libtorrent, checks a folder against it, and prints what libtorrent made of it as JSON."""

import json
import sys
import time

import libtorrent

torrent, folder = sys.argv[1:]
info = libtorrent.torrent_info(torrent)
session = libtorrent.session(
    {
        "listen_interfaces": "127.0.0.1:0",
        "enable_dht": False,
        "enable_lsd": False,
        "enable_upnp": False,
        "enable_natpmp": False,
    }
)
params = libtorrent.add_torrent_params()
params.ti = info
params.save_path = folder
handle = session.add_torrent(params)
checking = (
    libtorrent.torrent_status.checking_files,
    libtorrent.torrent_status.checking_resume_data,
    libtorrent.torrent_status.queued_for_checking,
)
deadline = time.monotonic() + 60
while handle.status().state in checking and time.monotonic() < deadline:
    session.wait_for_alert(100)
    session.pop_alerts()
status = handle.status()
print(
    json.dumps(
        {
            "v1": str(info.info_hashes().v1),
            "v2": str(info.info_hashes().v2),
            "complete": status.is_seeding,
            "pieces": info.num_pieces(),
            "trackers": [tracker.url for tracker in info.trackers()],
            "webSeeds": [seed["url"] for seed in info.web_seeds()],
        }
    )
)
