// SPDX-License-Identifier: MIT
// A Node.js client that gives a connection up without having read the answer.
// usage: node destroy_unread.js ADDRESS PORT BYTES
const net = require('net');
const [host, port, size] = process.argv.slice(2);

const socket = net.connect({ host, port: Number(port), allowHalfOpen: true }, () => {
	socket.pause();
	socket.write('hello\n');
	setTimeout(() => {
		socket.write(Buffer.alloc(Number(size), 'd'));
		setImmediate(() => socket.destroy());
	}, 250);
});
socket.pause();
setTimeout(() => 0, 800);
