// A user of JsSIP's, which is made for browsers: it registers, sends a text, and shows what it gets.
// Usage: node --experimental-websocket jssip_phone.js WEBSOCKET-URL ADDRESS PASSWORD
const JsSIP = require('jssip');

const [url, address, password] = process.argv.slice(2);
const agent = new JsSIP.UA({
  sockets: [new JsSIP.WebSocketInterface(url)],
  uri: address,
  password,
  register_expires: 600,
});
agent.on('registered', () => console.log('registered'));
agent.on('registrationFailed', (event) => console.log('not registered:', event.cause));
agent.on('unregistered', () => console.log('unregistered'));
agent.on('newMessage', ({ originator, request }) => {
  if (originator === 'remote') console.log('text:', request.body);
});
agent.start();

const tell = (status) => console.log('sent:', status);
require('readline').createInterface({ input: process.stdin }).on('line', (line) => {
  if (line === 'stop') {
    agent.stop();
    setTimeout(() => process.exit(0), 300);
  } else {
    agent.sendMessage(line, 'hello from a browser', {
      eventHandlers: {
        succeeded: ({ response }) => tell(response.status_code),
        failed: ({ cause }) => tell(cause),
      },
    });
  }
});
