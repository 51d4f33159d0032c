// The clients of others at work: reads one job as JSON from the input, writes what came of it to the output.
import { readFileSync } from 'node:fs';
import { AlipaySdk } from 'alipay-sdk';
import { getSN } from './node_modules/alipay-sdk/dist/esm/antcertutil.js';
import wechatpay from 'wechatpay-axios-plugin';

const { Wechatpay, Rsa, Aes, Formatter } = wechatpay;

const jobs = {
  // Calls, in order, with signatures checked; an error is told, not thrown.
  async alipayCalls({ config, calls }) {
    const sdk = new AlipaySdk(config);
    const told = [];
    for (const [method, bizContent, more] of calls) {
      try {
        told.push(await sdk.exec(method, { ...more, bizContent }, { validateSign: true }));
      } catch (error) {
        told.push({ error: error.message.slice(0, 200) });
      }
    }
    return told;
  },
  async alipayPage({ config, method, parameters }) {
    return new AlipaySdk(config).pageExecute(method, 'GET', parameters);
  },
  async alipayRequest({ config, method, parameters }) {
    return new AlipaySdk(config).sdkExecute(method, parameters, { bizContentAutoSnakeCase: false });
  },
  async alipayNotices({ config, bodies }) {
    const sdk = new AlipaySdk(config);
    return bodies.map((body) => sdk.checkNotifySignV2(Object.fromEntries(new URLSearchParams(body))));
  },
  async alipayNumbers({ certificate, root }) {
    return [getSN(certificate, false), getSN(root, true)];
  },
  async wechatCalls({ config, calls }) {
    const client = new Wechatpay(config);
    const told = [];
    for (const [method, url, data, params] of calls) {
      try {
        const path = client.chain(url);
        const answer = await (method === 'get' ? path.get({ params }) : path.post(data));
        told.push({ status: answer.status, data: answer.data });
      } catch (error) {
        told.push({ error: error.code ?? error.name, status: error.response?.status, data: error.response?.data });
      }
    }
    return told;
  },
  async wechatSign({ key, lines }) {
    return Rsa.sign(Formatter.joinedByLineFeed(...lines), Rsa.from(key, Rsa.KEY_TYPE_PRIVATE));
  },
  async wechatNotices({ key, apiKey, notices }) {
    const theirs = Rsa.from(key, Rsa.KEY_TYPE_PUBLIC);
    return notices.map(({ body, headers }) => {
      const text = Formatter.response(headers['wechatpay-timestamp'], headers['wechatpay-nonce'], body);
      if (!Rsa.verify(text, headers['wechatpay-signature'] ?? '', theirs)) return null;
      const { resource } = JSON.parse(body);
      try {
        return JSON.parse(Aes.AesGcm.decrypt(resource.ciphertext, apiKey, resource.nonce, resource.associated_data));
      } catch {
        return null;
      }
    });
  },
  async wechatEncrypt({ apiKey, nonce, associated, text }) {
    return Aes.AesGcm.encrypt(text, apiKey, nonce, associated);
  },
  async wechatBill({ base64 }) {
    return Formatter.castCsvBill(Buffer.from(base64, 'base64'));
  },
};

const { job, ...given } = JSON.parse(readFileSync(0, 'utf8'));
process.stdout.write(JSON.stringify(await jobs[job](given)) ?? 'null');
