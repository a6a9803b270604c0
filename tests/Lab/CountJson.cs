namespace Capbox.Testing;


/// <summary>Of the commands that only tests have.</summary>
[System.Text.Json.Serialization.JsonSerializable(typeof(int))]
internal sealed partial class CountJson : System.Text.Json.Serialization.JsonSerializerContext;
