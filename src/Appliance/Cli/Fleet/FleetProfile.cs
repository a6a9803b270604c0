// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Text.Json;
using System.Text.Json.Nodes;
using Capbox.Config;
using Capbox.Mqtt;
using Capbox.Platform.Json;

namespace Capbox.Cli;

/// <summary>Where the broker is and as whom it is used, as the command line has it.</summary>
internal sealed record FleetConnection
{
    public string? Profile { get; init; }
    public string? Broker { get; init; }
    public string? Ca { get; init; }
    public string? Certificate { get; init; }
    public string? Key { get; init; }
    public string? Username { get; init; }
    public string? PasswordFile { get; init; }
    public bool Plaintext { get; init; }
    public string? Requester { get; init; }
}

/// <summary>
/// Makes the options of a connection of a profile and the command line, which goes before. A profile has the keys of a box's section <c>mqtt</c> and is judged by the same rules, with <c>requester</c> in place of
/// <c>deviceId</c>.
/// </summary>
internal static class FleetProfile
{
    /// <summary>Names the profile when the command line does not.</summary>
    public const string Variable = "CAPBOX_FLEET";

    private const int MaxBytes = 64 * 1024;
    private static readonly string[] s_files = ["ca", "clientCertificate", "clientKey", "passwordFile"];
    private static readonly JsonDocumentOptions s_reading = new() { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true, AllowDuplicateProperties = false, MaxDepth = 4 };

    /// <summary>Null, after each error was told.</summary>
    public static MqttOptions? Read(FleetConnection given)
    {
        string? path = given.Profile ?? (Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } named ? named : null);
        ConfigErrors errors = new();
        JsonObject section = path is null ? [] : Load(path, errors);
        Dictionary<string, string> options = Overlay(given, section);
        if (errors.Count == 0 && !section.ContainsKey("broker"))
            errors.Add("--broker", $"HOST[:PORT] is required, or a profile ({Variable}, --profile) that names it");
        MqttOptions? result = errors.Count > 0 ? null : Read(section, errors);
        foreach (ConfigError error in errors.All)
            ErrorOutput.Write(options.TryGetValue(error.Path, out string? option) ? $"{option}: {error.Reason.Replace("\"allowPlaintext\": true", "--plaintext", StringComparison.Ordinal)}" : path is null || error.Path.StartsWith('-') ? $"{error.Path}: {error.Reason}" : $"{path}: {error}");
        return errors.Count > 0 ? null : result;
    }

    private static MqttOptions? Read(JsonObject section, ConfigErrors errors)
    {
        if (section.ContainsKey("deviceId"))
            errors.Add("$.deviceId", "of a box; here it is \"requester\"");
        string requester = DefaultRequester();
        if (section["requester"] is { } named)
        {
            if (named is JsonValue value && value.TryGetValue(out string? text) && TopicLevel.IsValid(text))
                requester = text;
            else
                errors.Add("$.requester", TopicLevel.Help);
            section.Remove("requester");
        }

        section["deviceId"] = requester;
        using JsonDocument document = JsonDocument.Parse(section.ToJsonString());
        MqttOptions? options = MqttSection.Read(new JsonNodeReader(document.RootElement, "$", errors), requester);
        if (options is { IsVersion5: false })
            errors.Add("$.version", "answers need version 5; boxes may use 3.1.1 all the same");
        if (options is not null && errors.Count == 0)
            TryFiles(options, section, errors);
        return options;
    }

    /// <summary>Files that cannot be used are told before anything is connected, by the option that names them. A pipe, as of the shell's &lt;(...), can be read but once, which is then the connection's.</summary>
    private static void TryFiles(MqttOptions options, JsonObject section, ConfigErrors errors)
    {
        if (new[] { options.Ca, options.ClientCertificate, options.ClientKey, options.PasswordFile }.Any(file => file is not null && Platform.Linux.FileSystem.TypeOf(file) == Platform.Linux.FileNumbers.S_IFIFO))
            return;
        try
        {
            MqttConnection.BuildVisitor(options, options.DeviceId, static _ => { });
        }
        catch (IOException e)
        {
            string? key = s_files.FirstOrDefault(k => section[k] is JsonValue value && value.TryGetValue(out string? file) && e.Message.StartsWith(file + ":", StringComparison.Ordinal));
            errors.Add(key is null ? "$" : "$." + key, e.Message);
        }
    }

    /// <summary>What the command line says, in the section's words; and which option each key came from.</summary>
    private static Dictionary<string, string> Overlay(FleetConnection given, JsonObject section)
    {
        Dictionary<string, string> options = [];
        void Put(string key, string option, string? value)
        {
            if (value is null)
                return;
            section[key] = value;
            options["$." + key] = option;
        }

        bool hasScheme = given.Broker?.Contains("://", StringComparison.Ordinal) == true;
        Put("broker", "--broker", given.Broker is null || hasScheme ? given.Broker : (given.Plaintext ? "mqtt://" : "mqtts://") + given.Broker);
        Put("ca", "--ca", given.Ca);
        Put("clientCertificate", "--cert", given.Certificate);
        Put("clientKey", "--key", given.Key);
        Put("username", "--username", given.Username);
        Put("passwordFile", "--password-file", given.PasswordFile);
        Put("requester", "--requester", given.Requester);
        if (given.Plaintext)
            section["allowPlaintext"] = true;
        return options;
    }

    private static JsonObject Load(string path, ConfigErrors errors)
    {
        try
        {
            if (new FileInfo(path).Length > MaxBytes)
                errors.Add("$", "larger than 64 KiB");
            else if (JsonNode.Parse(File.ReadAllText(path), documentOptions: s_reading) is JsonObject section)
                return Absolute(section, path);
            else
                errors.Add("$", "expected an object");
        }
        catch (JsonException e)
        {
            errors.Add(JsonErrorText.Position(e), JsonErrorText.Reason(e));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            errors.Add("$", FileErrorText.Describe(e, path));
        }

        return [];
    }

    /// <summary>Files that a profile names are beside it, wherever the command is called.</summary>
    private static JsonObject Absolute(JsonObject section, string path)
    {
        string directory = Path.GetDirectoryName(Path.GetFullPath(path))!;
        foreach (string key in s_files)
        {
            if (section[key] is JsonValue value && value.TryGetValue(out string? file) && file.Length > 0)
                section[key] = Path.Combine(directory, file);
        }

        return section;
    }

    private static string DefaultRequester()
    {
        string user = string.Concat((Environment.GetEnvironmentVariable("SUDO_USER") ?? Environment.UserName).Where(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '_' or '-').Take(40));
        return user.Length > 0 ? "fleet-" + user : "fleet";
    }
}
