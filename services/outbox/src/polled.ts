import type { DescService } from "@bufbuild/protobuf";
import { CommandService } from "@sagacart/proto/command/v1/command_service";
import { ConsumerService } from "@sagacart/proto/event/v1/consumer_service";
import { EventService } from "@sagacart/proto/event/v1/event_service";

/** The services of the outbox. Workers and consumers poll them day and night: such a call begins no trace. */
export const polledServices: readonly DescService[] = [CommandService, EventService, ConsumerService];
