/** The schema of a CloudEvent. */
export const cloudEventSchema = {
  type: "object",
  description: "An event in the JSON format of CloudEvents 1.0.",
  properties: {
    specversion: { type: "string", const: "1.0" },
    id: { type: "string", description: "Unique, and the same each time the event is read." },
    source: { type: "string", description: "The service it comes from.", examples: ["/sagacart/order"] },
    type: { type: "string", examples: ["sagacart.order.paid.v1"] },
    subject: { type: "string", description: "What it happened to." },
    time: { type: "string", format: "date-time" },
    datacontenttype: { type: "string", const: "application/json" },
    sequence: { type: "string", description: "Its place among the events of this subject, padded to sort as text." },
    position: { type: "string", description: "Its place in the feed: the cursor." },
    traceparent: { type: "string", description: "The W3C trace context of the call that caused it." },
    data: {},
  },
  required: ["specversion", "id", "source", "type", "datacontenttype", "sequence", "position", "data"],
};
