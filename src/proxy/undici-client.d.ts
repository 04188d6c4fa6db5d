/** undici's client by itself: the whole of undici costs a starting worker some 70 ms of processor time, this a fifth. */
declare module 'undici/lib/dispatcher/client.js' {
  import { Client } from 'undici';

  export default Client;
}
