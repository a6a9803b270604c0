namespace Capbox.Config;

/// <summary>The JSON Schema (2020-12) of the document, docs/reference/capbox.schema.json, which is part of the program: for editors and for who makes documents.</summary>
public static class ConfigSchema
{
    private const string Name = "capbox.schema.json";

    private static readonly Lazy<string> s_hash = new(() => "sha256:" + Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(Text()))));

    /// <summary>Of the text, UTF-8: two boxes with the same take the same documents.</summary>
    public static string Hash => s_hash.Value;

    public static string Text()
    {
        using Stream stream = typeof(ConfigSchema).Assembly.GetManifestResourceStream(Name) ?? throw new InvalidOperationException($"{Name} is not in the program");
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}
