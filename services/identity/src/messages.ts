import { create } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import * as sessionProto from "@sagacart/proto/identity/v1/session";
import * as userProto from "@sagacart/proto/identity/v1/user";
import type { SeenSession } from "./sessions/seen-session.ts";
import type { OpenSession } from "./sessions/sessions.ts";
import type { UserAddress } from "./users/address-store.ts";
import type { User } from "./users/user.ts";

export function userMessage(user: User): userProto.User {
  const { id, username, email, isEmailVerified: emailVerified, pendingEmail, phone } = user;
  const { roles, version, createTime, updateTime } = user;
  return create(userProto.UserSchema, {
    ...{ id, username, email, emailVerified, pendingEmail, phone },
    roles: [...roles],
    etag: `${version}`,
    createTime: timestampFromDate(createTime),
    updateTime: timestampFromDate(updateTime),
  });
}

export function addressMessage(address: UserAddress): userProto.UserAddress {
  return create(userProto.UserAddressSchema, {
    id: address.id,
    userId: address.userId,
    address: address.address,
    isDefault: address.isDefault,
    etag: `${address.version}`,
    createTime: timestampFromDate(address.createTime),
    updateTime: timestampFromDate(address.updateTime),
  });
}

export function userSessionMessage(session: SeenSession, current: boolean): sessionProto.UserSession {
  const { id, clientId, userAgent, network } = session;
  return create(sessionProto.UserSessionSchema, {
    ...{ id, clientId, userAgent, network, current },
    createTime: timestampFromDate(session.createTime),
    lastUseTime: timestampFromDate(session.lastUseTime),
    expireTime: timestampFromDate(session.expireTime),
  });
}

export function sessionMessage(session: OpenSession): sessionProto.Session {
  return create(sessionProto.SessionSchema, {
    id: session.id,
    userId: session.userId,
    accessToken: session.accessToken.token,
    accessTokenExpireTime: timestampFromDate(session.accessToken.expireTime),
    refreshToken: session.refreshToken,
    refreshTokenExpireTime: timestampFromDate(session.refreshExpireTime),
  });
}
