// A client of Murmuration with nothing but generated code: `npm run build && node build/main.js 127.0.0.1:7700`.
import { randomUUID } from "node:crypto";

import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";

import { ErrorInfoSchema } from "./gen/google/rpc/error_details_pb.js";
import { TimelineService } from "./gen/murmuration/v1/timeline_pb.js";
import { TweetService } from "./gen/murmuration/v1/tweet_pb.js";
import { UserService } from "./gen/murmuration/v1/user_pb.js";

const transport = createGrpcTransport({ baseUrl: `http://${process.argv[2]}`, defaultTimeoutMs: 10_000 });
const users = createClient(UserService, transport);
const tweets = createClient(TweetService, transport);
const timeline = createClient(TimelineService, transport);

const created = await users.createUser({ handle: "typist", requestId: randomUUID() });
// Who acts stands in the metadata; no request names its actor. Ids are strings: they do not fit into a number.
const as = { headers: { "murmuration-actor-id": created.user!.userId } };

for (let n = 1; n <= 5; n++) {
  await tweets.createTweet({ text: `Hello ${n} from TypeScript`, requestId: randomUUID() }, as);
}

let pageToken = "";
do {
  const page = await timeline.listHomeTimeline({ pageSize: 2, pageToken }, as);
  for (const item of page.items) {
    console.log(item.tweet!.text);
  }
  pageToken = page.nextPageToken;
} while (pageToken);

try {
  await tweets.createTweet({ text: " " }, as);
} catch (failure) {
  const error = ConnectError.from(failure);
  for (const info of error.findDetails(ErrorInfoSchema)) {
    console.log(Code[error.code], info.domain, info.reason);
  }
}
