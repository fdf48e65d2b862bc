-- Why the carrier refuses for good to give back the shipment of a cancelled order; empty if it does not.
alter table shipments add column recall_refusal text not null default '';
alter table shipments add constraint shipments_recall_refusal_check
  check (recall_refusal = '' or state = 'CANCELLED') not valid;
