using Capbox.Config;

namespace Capbox.Cli;

/// <summary><c>capbox config check FILE</c>.</summary>
internal static class ConfigCommand
{
    public static int Check(string file, bool json)
    {
        ConfigResult result = ConfigDocument.Load(file);
        bool isGood = result.Options is not null;
        if (json)
            Json.WriteLine(new ConfigCheckReport(file, isGood, result.Errors), Json.Default.ConfigCheckReport);
        else if (isGood)
            Console.Out.WriteLine($"{file}: good, {string.Join(", ", result.Options!.Ports.Select(p => p.Name))} to {result.Options.Storage.Directory}");
        else
            WriteErrors(file, result.Errors);
        return isGood ? ExitCode.Good : ExitCode.BadUse;
    }

    public static void WriteErrors(string file, IReadOnlyList<ConfigError> errors)
    {
        foreach (ConfigError error in errors)
            Errors.Write($"{file}: {error}");
    }
}
