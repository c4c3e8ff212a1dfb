// For node's --require: whoever would listen on every address of this machine listens on 127.0.0.1.
const net = require('net');

const { listen } = net.Server.prototype;
net.Server.prototype.listen = function listenHere(where, ...rest) {
  if (typeof where === 'number' || typeof where === 'string') {
    return listen.call(this, { port: Number(where), host: '127.0.0.1' }, rest.find((value) => typeof value === 'function'));
  }
  return listen.call(this, { ...where, host: '127.0.0.1' }, ...rest);
};
