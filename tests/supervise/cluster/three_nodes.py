"""A Ray cluster on this machine, run as a program: a head without processors and nodes with one each.

It says its address, then does what it reads, a word a line: remove (a node, as if its machine were switched off), add.
It ends, with all that belongs to it, when its input closes.
"""

from __future__ import annotations

import sys

from ray.cluster_utils import Cluster

NODE = {"object_store_memory": 80 * 1024 * 1024, "include_dashboard": False}


def main() -> None:
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, **NODE})
    nodes = [cluster.add_node(num_cpus=1, **NODE) for _ in range(3)]
    print(cluster.address, flush=True)
    for line in sys.stdin:
        if line.strip() == "remove":
            cluster.remove_node(nodes.pop(), allow_graceful=False)
        else:
            nodes.append(cluster.add_node(num_cpus=1, **NODE))
        print("done", flush=True)
    cluster.shutdown()


if __name__ == "__main__":
    main()
