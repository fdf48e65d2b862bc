-- Names of countries were stored as codes that ISO 3166 has withdrawn: "France" as FX, "United Kingdom" as UK.
update addresses
set address = jsonb_set(address, '{countryCode}', to_jsonb(current.code))
from (values
  ('FX', 'FR'), ('UK', 'GB'), ('SU', 'RU'), ('HV', 'BF'), ('DY', 'BJ'), ('ZR', 'CD'), ('YU', 'RS'), ('TP', 'TL')
) as current (withdrawn, code)
where address ->> 'countryCode' = current.withdrawn;
