#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A client of the Kubernetes Container Runtime Interface, as far as cri.sh needs one.

    cri.py SOCKET HANDLER COMMAND [ARGUMENT…]

Messages are protocol buffers of runtime.v1, written and read by field number: see api.proto of
k8s.io/cri-api. `exec` streams over a WebSocket, as kubectl's does.
"""
import base64
import json
import os
import socket
import struct
import sys
from urllib.parse import urlparse

import grpc


# ---- protocol buffers ----

def varint(n):
    out = b''
    n &= (1 << 64) - 1
    while n > 127:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n])


def encode(message):
    """{field: value}: numbers, text, bytes, messages (dicts), maps of text (via pairs), lists."""
    out = b''
    for field, value in message.items():
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, int):
                out += varint(field << 3) + varint(one)
                continue
            raw = encode(one) if isinstance(one, dict) else one.encode() if isinstance(one, str) else one
            out += varint(field << 3 | 2) + varint(len(raw)) + raw
    return out


def decode(raw):
    """{field: [value, …]}: numbers, and bytes for all that has a length."""
    out, at = {}, 0

    def number():
        nonlocal at
        value = shift = 0
        while True:
            byte = raw[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value
    while at < len(raw):
        key = number()
        if key & 7 == 0:
            value = number()
        else:
            size = number() if key & 7 == 2 else {1: 8, 5: 4}[key & 7]
            value, at = raw[at:at + size], at + size
        out.setdefault(key >> 3, []).append(value)
    return out


def get(raw, *path):
    """The first value at a path of fields; None where it is not there."""
    for field in path:
        raw = decode(raw).get(field, [None])[0] if raw is not None else None
    return raw


def text(raw, *path):
    return (get(raw, *path) or b'').decode()


# ---- the runtime ----

class Runtime:
    def __init__(self, sock, handler):
        self.channel = grpc.insecure_channel('unix://' + sock)
        self.handler = handler

    def call(self, method, message, timeout=60):
        ask = self.channel.unary_unary('/runtime.v1.RuntimeService/' + method)
        return ask(encode(message), timeout=timeout)

    def pod_config(self, name, shared):
        return {1: {1: name, 2: name + '-uid', 3: 'default', 4: 0}, 2: name, 3: os.getcwd() + '/logs',
                8: {1: '/cri-test', 2: {1: {1: 0, 2: 0 if shared else 1, 3: 0}}}}

    def run_pod(self, name, shared=''):
        return text(self.call('RunPodSandbox', {1: self.pod_config(name, shared), 2: self.handler}), 1)

    def create(self, pod, pod_name, name, image, shared, memory, *command):
        config = {1: {1: name, 2: 0}, 2: {1: image}, 3: list(command), 6: {1: 'NAME', 2: name}, 11: name + '.log',
                  15: {1: {4: int(memory)}, 2: {3: {1: 0, 2: 0 if shared else 1, 3: 0}}}}
        if name.startswith('tty'):
            config[14] = 1
        return text(self.call('CreateContainer', {1: pod, 2: config, 3: self.pod_config(pod_name, shared)}), 1)

    def start(self, c):
        self.call('StartContainer', {1: c})

    def status(self, c):
        s = get(self.call('ContainerStatus', {1: c}), 1)
        states = ['created', 'running', 'exited', 'unknown']
        return f'{states[get(s, 3) or 0]} {get(s, 7) or 0} {text(s, 10)}'.strip()

    def exec_sync(self, c, *command):
        got = self.call('ExecSync', {1: c, 2: list(command), 3: 30})
        sys.stdout.write(text(got, 1))
        sys.stderr.write(text(got, 2))
        sys.exit(get(got, 3) or 0)

    def exec(self, c, tty, *command):
        tty = int(tty)
        url = text(self.call('Exec', {1: c, 2: list(command), 3: tty, 4: tty, 5: 1, 6: 1 - tty}), 1)
        sys.exit(stream(url))

    def stats(self, c):
        s = get(self.call('ContainerStats', {1: c}), 1)
        cpu, memory = get(s, 2, 2, 1) or 0, get(s, 3, 2, 1) or 0
        return f'cpu {"some" if cpu > 0 else "none"} memory {"some" if memory > 0 else "none"}'

    def update(self, c, memory):
        self.call('UpdateContainerResources', {1: c, 2: {4: int(memory)}})

    def stop(self, c, timeout=2):
        self.call('StopContainer', {1: c, 2: int(timeout)})

    def rm(self, c):
        self.call('RemoveContainer', {1: c})

    def stop_pod(self, pod):
        self.call('StopPodSandbox', {1: pod})

    def rm_pod(self, pod):
        self.call('RemovePodSandbox', {1: pod})

    def pod_status(self, pod):
        return ['ready', 'not ready'][get(self.call('PodSandboxStatus', {1: pod}), 1, 3) or 0]

    def list(self):
        return ' '.join(sorted(text(c, 3, 1) for c in decode(self.call('ListContainers', {})).get(1, [])))

    def list_pods(self):
        return ' '.join(sorted(text(p, 2, 1) for p in decode(self.call('ListPodSandbox', {})).get(1, [])))


# ---- the stream of an exec ----

def stream(url):
    """Copies what comes to stdout and stderr. The command's status."""
    at = urlparse(url)
    sock = socket.create_connection((at.hostname, at.port), timeout=30)
    sock.sendall((f'GET {at.path} HTTP/1.1\r\nHost: {at.netloc}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n'
                  f'Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}\r\nSec-WebSocket-Version: 13\r\n'
                  'Sec-WebSocket-Protocol: v4.channel.k8s.io\r\nOrigin: http://localhost\r\n\r\n').encode())
    data = sock.makefile('rb')
    if b' 101 ' not in data.readline():
        raise SystemExit('the stream was refused')
    while data.readline() not in (b'\r\n', b''):
        pass
    status = 255
    while True:
        head = data.read(2)
        if len(head) < 2 or head[0] & 15 == 8:
            return status
        size = head[1] & 127
        if size > 125:
            size = struct.unpack('>H' if size == 126 else '>Q', data.read(2 if size == 126 else 8))[0]
        body = data.read(size)
        if not body:
            continue
        if body[0] == 3:
            why = json.loads(body[1:])
            causes = why.get('details', {}).get('causes', [{}])
            status = 0 if why['status'] == 'Success' else int(causes[0].get('message', 255))
        else:
            (sys.stdout if body[0] == 1 else sys.stderr).write(body[1:].decode())


def main():
    runtime = Runtime(sys.argv[1], sys.argv[2])
    try:
        print(getattr(runtime, sys.argv[3].replace('-', '_'))(*sys.argv[4:]) or '', end='')
    except grpc.RpcError as e:
        raise SystemExit(e.details()) from None


if __name__ == '__main__':
    main()
