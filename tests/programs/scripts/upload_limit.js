// SPDX-License-Identifier: MIT
// An upload service in Node.js: refuses at once, and gives the connection up when its answer is
// out. usage: node upload_limit.js ADDRESS PORT SIZE-OF-THE-ANSWER
const http = require('http');
const [address, port, size] = process.argv.slice(2);
const page = Buffer.alloc(Number(size), 'Too large. Please upload at most one megabyte.\n');

http.createServer((request, response) => {
	response.writeHead(413, { 'Content-Length': page.length, Connection: 'close' });
	response.end(page, () => request.socket.destroy());
}).listen(Number(port), address);
