// Loaded before Azurite (`node --require`): it listens on unix sockets in place of ports, opens no
// connection but to itself, and ends, its sockets with it, when the pipe that its parent holds does.
"use strict";
const fs = require("node:fs");
const net = require("node:net");
const path = require("node:path");

const folder = process.env.LADDER_SOCKETS; // one socket a service, in a folder of its owner's
const own = (process.env.LADDER_ADDRESSES || "").split(","); // where clients know the blob service
const names = ["blob", "queue", "table"]; // in the order in which Azurite starts them

const listen = net.Server.prototype.listen;
net.Server.prototype.listen = function (port, host, done) {
  return listen.call(this, path.join(folder, names.shift()), done);
};

// "Copy from URL" names any address; Azurite would go there for whoever asks.
const connect = net.Socket.prototype.connect;
net.Socket.prototype.connect = function (...words) {
  const [options, done] = Array.isArray(words[0]) ? words[0] : [words[0], words[1]];
  const asked = `${options.host}:${options.port}`;
  if (!own.includes(asked)) {
    process.nextTick(() => this.destroy(new Error(`no way out to ${asked}`)));
    return this;
  }
  return connect.call(this, { path: path.join(folder, "blob") }, done);
};

process.stdin.on("end", () => {
  fs.rmSync(folder, { recursive: true, force: true });
  process.exit(0);
}).resume();
