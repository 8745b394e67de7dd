package sandbox

import "net/http"

// catalogBelow is where a workspace has Unity Catalog.
const catalogBelow = "/api/2.1/unity-catalog"

func (s *Sandbox) metastoreRoutes() {
	s.onWorkspace(http.MethodGet, catalogBelow+"/metastore_summary", (*dbxCall).metastoreSummary)
	s.onWorkspace(http.MethodGet, catalogBelow+"/current-metastore-assignment", (*dbxCall).metastoreAssignment)
}

func (c *dbxCall) metastoreSummary() (any, error) {
	m, err := c.metastoreHere()
	if err != nil {
		return nil, err
	}
	o := dbxObject{
		"metastore_id": m.ID, "name": m.Name, "owner": m.Owner, "region": m.Region, "cloud": "aws", "privilege_model_version": "1.0",
		"global_metastore_id": "aws:" + m.Region + ":" + m.ID, "delta_sharing_scope": "INTERNAL", "external_access_enabled": false,
		"created_at": m.Created.UnixMilli(), "created_by": operatorID, "updated_at": m.Created.UnixMilli(), "updated_by": operatorID,
	}
	set(o, "storage_root", m.StorageRoot)
	return o, nil
}

func (c *dbxCall) metastoreAssignment() (any, error) {
	m, err := c.metastoreHere()
	if err != nil {
		return nil, err
	}
	return dbxObject{"metastore_id": m.ID, "workspace_id": c.at.ID, "default_catalog_name": "hive_metastore"}, nil
}
